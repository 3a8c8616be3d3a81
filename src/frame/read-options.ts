// Which frames a reader wants. Every surface (query, flags, Nushell) fills in this one type through one parser.
import { invalid, quote } from "../error.ts";
import { type Id, parseId } from "./id.ts";
import { formatTopicFilter, parseTopicFilter, type TopicFilter } from "./topic.ts";

/** Stay for live frames; with `pulseMs`, a synthetic `xs.pulse` at that interval in milliseconds. */
export type Follow = { readonly pulseMs: number | null };

/** Where reading begins: after an id, at an id, or at the tail (`new`: no history, no threshold). */
export type Start = { readonly kind: "after" | "from"; readonly id: Id } | { readonly kind: "new" };

export type ReadOptions = {
  readonly follow: Follow | null;
  /** null: from the first frame. */
  readonly start: Start | null;
  /** At most this many frames over history and live together. */
  readonly limit: number | null;
  /** Of the history, only this many of the newest. */
  readonly last: number | null;
  readonly topic: TopicFilter;
  readonly withTimestamp: boolean;
};

export const READ_ALL: ReadOptions = {
  follow: null,
  start: null,
  limit: null,
  last: null,
  topic: "all",
  withTimestamp: false,
};

/** The names of the contract, each with the value as text: undefined is absent, "" is the bare flag. */
export type ReadTexts = Readonly<Record<ReadName, string | undefined>>;
export type ReadName =
  "follow" | "pulse" | "new" | "tail" | "after" | "last-id" | "from" | "limit" | "last" | "topic" | "with-timestamp";

/** All names that `parseReadOptions` reads. */
export const READ_NAMES: readonly ReadName[] = [
  "follow",
  "pulse",
  "new",
  "tail",
  "after",
  "last-id",
  "from",
  "limit",
  "last",
  "topic",
  "with-timestamp",
];

// A pulse each millisecond serves nobody and keeps a core busy.
const PULSE_MS_MIN = 10;
const PULSE_MS_MAX = 24 * 60 * 60 * 1000;

/** Reads the options from their texts; throws `invalid` and names the option. */
export function parseReadOptions(texts: Partial<ReadTexts>): ReadOptions {
  return {
    follow: parseFollow(texts.follow, texts.pulse),
    start: parseStart(texts),
    limit: parseCount("limit", texts.limit, 0),
    last: parseCount("last", texts.last, 0),
    topic: texts.topic === undefined ? "all" : parseTopicFilter(texts.topic),
    withTimestamp: parseFlag("with-timestamp", texts["with-timestamp"]),
  };
}

/** A flag's text: absent, `false`, `no` and `0` are off; empty, `true`, `yes` and `1` are on. Throws `invalid`. */
export function parseFlag(name: string, text: string | undefined): boolean {
  if (text === undefined || text === "false" || text === "no" || text === "0") return false;
  if (text === "" || text === "true" || text === "yes" || text === "1") return true;
  throw invalid(`${name}: ${quote(text)} is neither true nor false`);
}

/** A whole number of at least `min`, or null when absent. Throws `invalid`. */
export function parseCount(name: string, text: string | undefined, min: number): number | null {
  if (text === undefined) return null;
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw invalid(`${name}: ${quote(text)} is not a whole number of at least ${min}`);
}

// `follow=5000` is follow with a pulse; `follow=1` is, as in the original, a number of milliseconds and thus a pulse.
function parseFollow(text: string | undefined, pulse: string | undefined): Follow | null {
  const numeric = text !== undefined && /^[0-9]+$/.test(text) && text !== "0";
  const follow = numeric || parseFlag("follow", text);
  if (!follow) {
    if (pulse !== undefined) throw invalid("pulse: it goes with follow");
    return null;
  }
  const ms = parseCount(numeric && pulse === undefined ? "follow" : "pulse", pulse ?? (numeric ? text : undefined), 1);
  if (ms !== null && ms > PULSE_MS_MAX) throw invalid(`pulse: ${ms} ms is more than a day (${PULSE_MS_MAX} ms)`);
  return { pulseMs: ms === null ? null : Math.max(ms, PULSE_MS_MIN) };
}

function parseStart(texts: Partial<ReadTexts>): Start | null {
  const isNew = parseFlag("new", texts.new) || parseFlag("tail", texts.tail);
  const after = texts.after ?? texts["last-id"];
  const given = [isNew && "new", after !== undefined && "after", texts.from !== undefined && "from"].filter(Boolean);
  if (given.length > 1) throw invalid(`${given.join(" and ")} do not go together: each says where to start`);
  if (isNew && texts.last !== undefined) throw invalid("new and last do not go together: new skips the history");
  if (isNew) return { kind: "new" };
  if (after !== undefined) return { kind: "after", id: namedId("after", after) };
  if (texts.from !== undefined) return { kind: "from", id: namedId("from", texts.from) };
  return null;
}

function namedId(name: string, text: string): Id {
  try {
    return parseId(text);
  } catch (error) {
    throw invalid(`${name}: ${(error as Error).message}`);
  }
}

/** The texts that `parseReadOptions` reads back as these options; absent ones are left out. */
export function formatReadOptions(options: ReadOptions): Partial<Record<ReadName, string>> {
  const texts: Partial<Record<ReadName, string>> = {};
  if (options.follow) texts.follow = options.follow.pulseMs === null ? "true" : String(options.follow.pulseMs);
  if (options.start?.kind === "new") texts.new = "true";
  else if (options.start) texts[options.start.kind] = options.start.id;
  if (options.limit !== null) texts.limit = String(options.limit);
  if (options.last !== null) texts.last = String(options.last);
  if (options.topic !== "all") texts.topic = formatTopicFilter(options.topic);
  if (options.withTimestamp) texts["with-timestamp"] = "true";
  return texts;
}
