// Reading in tests: a read to its end, and a follower that the test can hold back.
import { idInLine, parseFrame } from "../../src/frame/frame.ts";
import type { Id } from "../../src/frame/id.ts";
import { parseMeta } from "../../src/frame/meta.ts";
import { parseReadOptions, type ReadTexts } from "../../src/frame/read-options.ts";
import { parseTopic } from "../../src/frame/topic.ts";
import { parseTtl } from "../../src/frame/ttl.ts";
import type { FrameDraft } from "../../src/frame/frame.ts";
import type { Part } from "../../src/store/reader.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "./eventually.ts";

/** What is to be appended, from its texts. */
export const draft = (topic: string, ttl = "forever", meta = "null"): FrameDraft => ({
  topic: parseTopic(topic),
  meta: parseMeta(meta),
  ttl: parseTtl(ttl),
});

/** Appends one frame a topic, in this order; answers their ids. */
export async function appendAll(store: Store, topics: readonly string[], ttl = "forever"): Promise<Id[]> {
  return (await Promise.all(topics.map((topic) => store.append(draft(topic, ttl))))).map(({ id }) => id);
}

const linesOf = (part: Part): string[] => {
  if (part.kind !== "frames") return [part.kind];
  const lines = Buffer.from(part.bytes).toString().split("\n");
  if (lines.pop() !== "" || lines.length !== part.count) throw new Error("a part does not hold what it says");
  return lines;
};

/** The lines of a read that ends by itself; a marker is its kind. */
export async function readLines(store: Store, texts: Partial<ReadTexts> = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const part of store.read(parseReadOptions(texts))) {
    lines.push(...linesOf(part));
  }
  return lines;
}

/** The ids of a read that ends by itself. */
export const readIds = async (store: Store, texts: Partial<ReadTexts> = {}): Promise<string[]> =>
  (await readLines(store, texts)).map(idOf);

/** The topics of a read that ends by itself. */
export const readTopics = async (store: Store, texts: Partial<ReadTexts> = {}): Promise<string[]> =>
  (await readLines(store, texts)).map((line) => (line.startsWith("{") ? parseFrame(line).topic : line));

/** The id of a line; a marker is its kind. */
export const idOf = (line: string): string => (line.startsWith("{") ? idInLine(line) : line);

/** A reader that runs beside the test. */
export type Follower = {
  /** The lines so far; a marker is its kind. */
  readonly lines: string[];
  readonly ids: () => string[];
  /** Resolves when the read has ended by itself. */
  readonly ended: Promise<void>;
  /** Takes nothing more after the part under way, until `resume`. */
  readonly hold: () => void;
  readonly resume: () => void;
  /** Resolves when this many lines have come. */
  readonly until: (count: number) => Promise<string[]>;
  readonly stop: () => Promise<void>;
};

/** Starts to read; `follow` is on unless the texts say otherwise. The read begins before this returns. `keep`: what is kept of a line. */
export function startReading(
  store: Store,
  texts: Partial<ReadTexts> = {},
  keep: (line: string) => string = (line) => line,
): Follower {
  const reader = store.read(parseReadOptions({ follow: "true", ...texts }));
  const lines: string[] = [];
  // A held reader waits for this one promise, however often it is held.
  let gate: PromiseWithResolvers<void> | null = null;
  const resume = (): void => {
    gate?.resolve();
    gate = null;
  };
  const run = async (): Promise<void> => {
    for await (const part of reader) {
      for (const line of linesOf(part)) lines.push(keep(line));
      await gate?.promise;
    }
  };
  const ended = run();
  return {
    lines,
    ids: () => lines.map(idOf),
    ended,
    hold: () => void (gate ??= Promise.withResolvers()),
    resume,
    until: async (count) => {
      await eventually(`${count} lines, have ${lines.length}`, () => lines.length >= count);
      return lines;
    },
    stop: async () => {
      resume();
      reader.leave();
      await ended;
    },
  };
}
