// Walks over tables of any size: a page at a time, and never in circles, whatever a damaged page claims.
import { SQLiteError } from "bun:sqlite";
import { type Finding, RESTORE } from "./finding.ts";

/** A table that does not come in the order of its key: its pages are damaged. */
export class Disorder extends Error {}

/** Pages of rows in order of an integer key, from the lowest on; `next` answers those behind a key. */
export function* walk<T>(next: (after: number) => readonly T[], keyOf: (row: T) => number): Generator<readonly T[]> {
  // Below every integer, also below those that JavaScript cannot hold exactly.
  let after = Number.NEGATIVE_INFINITY;
  for (;;) {
    const rows = next(after);
    for (const row of rows) {
      const key = keyOf(row);
      if (!(key > after)) throw new Disorder(`key ${key} comes after ${after}`);
      after = key;
    }
    if (rows.length === 0) return;
    yield rows;
  }
}

/** The findings of one part of a check; a database that cannot be read any further is a finding itself. */
export function* guarded(part: string, findings: Iterable<Finding>): Generator<Finding> {
  try {
    yield* findings;
  } catch (error) {
    // A TypeError: a damaged row holds a value of a type that its column cannot have.
    if (!(error instanceof SQLiteError || error instanceof Disorder || error instanceof TypeError)) throw error;
    yield {
      fault: "database_integrity",
      message: `${part} cannot be read to the end: ${error.message}`,
      action: `run: xs check --repair; if it stays, ${RESTORE}`,
    };
  }
}
