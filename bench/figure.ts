// What a figure is: a named measurement that reports rows, each a ratio beside a bound or a peer, with its goal.

/** One line of the table. `reached` is compared with exactly one of `atLeast` and `atMost`; neither means: for information. */
export type Row = {
  readonly figure: string;
  /** What is compared, such as "of raw SQLite", or a unit such as "ms". */
  readonly unit: string;
  readonly reached: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** The absolute figures behind it, for a person to read. */
  readonly detail: string;
};

/** A row that could not be measured here, and why: never left out silently. */
export type Skipped = { readonly figure: string; readonly skipped: string };

export type Bench = {
  readonly quick: boolean;
  /** A directory on the disk that is measured; removed at the end. */
  readonly dir: string;
  /** Beside it: what several figures share, such as filled stores. */
  readonly sharedDir: string;
  /** The compiled binary. */
  readonly binary: string;
  /** Rounds of each interleaved comparison: an odd number, whose median counts. */
  readonly rounds: number;
  /** How long one side of a round runs, in ms. */
  readonly roundMs: number;
  readonly report: (row: Row | Skipped) => void;
  /** A line that explains, such as the share of a core that the load generator took. */
  readonly note: (text: string) => void;
};

export type Figure = { readonly name: string; readonly summary: string; readonly run: (bench: Bench) => Promise<void> };

/** Whether a row reaches its goal; null when it has none. */
export function isReached({ reached, atLeast, atMost }: Row): boolean | null {
  if (atLeast !== undefined) return reached >= atLeast;
  if (atMost !== undefined) return reached <= atMost;
  return null;
}
