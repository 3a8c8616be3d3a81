// The read options as flags: one set for every command that reads.
import { parseReadOptions, READ_ALL, type ReadName, type ReadOptions } from "../frame/read-options.ts";

const TIMESTAMP_FLAG = { description: "add the frame's time (RFC 3339, from its id)" } as const;

export const FOLLOW_FLAG = { alias: "f", description: "stay, and stream frames as they are appended" } as const;
export const WITH_TIMESTAMP = { "with-timestamp": TIMESTAMP_FLAG } as const;

/** Flags of a full read, named as in the HTTP query. */
export const READ_FLAGS = {
  follow: FOLLOW_FLAG,
  pulse: { alias: "p", value: "ms", description: "with --follow: an xs.pulse at this interval in milliseconds" },
  new: { alias: "n", description: "skip the history; no threshold then" },
  tail: { alias: "t", description: "the same as --new" },
  after: { alias: "a", value: "id", description: "start after this id" },
  "last-id": { alias: "l", value: "id", description: "the same as --after" },
  from: { value: "id", description: "start at this id" },
  limit: { value: "n", description: "at most n frames, of history and live together; then end" },
  last: { value: "n", description: "the n newest frames" },
  topic: {
    alias: "T",
    value: "topics",
    description: "a topic, all below one (a.*), *, or a comma list of these",
    complete: "topics",
  },
  ...WITH_TIMESTAMP,
} as const;

/** The read options that flags ask for; throws `invalid` and names the flag. */
export function readOptionsOf(args: Partial<Record<ReadName, string | boolean | undefined>>): ReadOptions {
  const texts: Partial<Record<ReadName, string>> = {};
  for (const [name, value] of Object.entries(args)) {
    if (value === true) texts[name as ReadName] = "true";
    else if (typeof value === "string") texts[name as ReadName] = value;
  }
  return Object.keys(texts).length === 0 ? READ_ALL : parseReadOptions(texts);
}
