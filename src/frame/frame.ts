// A frame, its JSON text, and what a frame is before it has an id.
import { invalid } from "../error.ts";
import { type Hash, parseHash } from "./hash.ts";
import { type Id, parseId, timeOf } from "./id.ts";
import { checkKeys, type Members, membersOf, stringOf } from "./members.ts";
import { type Meta, parseMeta, wholeMeta } from "./meta.ts";
import { FOREVER, formatTtl, parseTtl, type Ttl } from "./ttl.ts";
import { parseTopic, type Topic } from "./topic.ts";

/** What a client appends: the store adds id and hash. */
export type FrameDraft = {
  readonly topic: Topic;
  readonly meta: Meta | null;
  /** null only for frames that the server writes itself. */
  readonly ttl: Ttl | null;
};

/** One event. `ttl` is null only on frames that a server wrote itself. */
export type Frame = FrameDraft & { readonly id: Id; readonly hash: Hash | null };

/** The frame as one line of JSON, keys in the order of the contract, without a line end. */
export function formatFrame(frame: Frame): string {
  const hash = frame.hash === null ? "null" : `"${frame.hash}"`;
  const ttl = frame.ttl === null ? "null" : `"${formatTtl(frame.ttl)}"`;
  return `{"topic":"${frame.topic}","id":"${frame.id}","hash":${hash},"meta":${frame.meta ?? "null"},"ttl":${ttl}}`;
}

// The form that formatFrame writes; one match spares an import the general scan of 1 microsecond a frame and more.
const CANONICAL =
  /^\{"topic":"([^"\\]+)","id":"([^"\\]+)","hash":(?:null|"([^"\\]+)"),"meta":(.*),"ttl":(?:null|"([^"\\]+)")\}$/s;
const KEYS: ReadonlySet<string> = new Set(["topic", "id", "hash", "meta", "ttl", "timestamp"]);

/**
 * Reads a frame from JSON text with the keys of a frame in any order (`timestamp`, which `--with-timestamp` adds, is
 * passed over). A missing hash or meta is null, a missing ttl is `forever`. Throws `invalid`.
 */
export function parseFrame(json: string): Frame {
  return canonicalFrame(json) ?? frameOf(membersOf(json));
}

function canonicalFrame(json: string): Frame | null {
  const canonical = CANONICAL.exec(json);
  if (!canonical) return null;
  const [, topic = "", id = "", hash, meta = "null", ttl] = canonical;
  // `(.*)` may have run over a second "ttl": then what it took is not one JSON value, and the general scan decides.
  const parsed = wholeMeta(meta);
  if (parsed === undefined) return null;
  return {
    topic: parseTopic(topic),
    id: parseId(id),
    hash: hash === undefined ? null : parseHash(hash),
    meta: parsed,
    ttl: ttl === undefined ? null : parseTtl(ttl),
  };
}

function frameOf(members: Members): Frame {
  checkKeys(members, KEYS, "its keys are topic, id, hash, meta and ttl");
  const [topic, id, hash, ttl] = ["topic", "id", "hash", "ttl"].map((key) => stringOf(members, key));
  if (topic == null) throw invalid("the frame has no topic");
  if (id == null) throw invalid("the frame has no id");
  return {
    topic: parseTopic(topic),
    id: parseId(id),
    hash: hash == null ? null : parseHash(hash),
    meta: parseMeta(members.get("meta") ?? "null"),
    ttl: ttl != null ? parseTtl(ttl) : members.has("ttl") ? null : FOREVER,
  };
}

/** The frame's line with `timestamp` (RFC 3339, UTC, milliseconds, from the id) at its end. */
export function withTimestamp(line: string, id: Id): string {
  return `${line.slice(0, -1)},"timestamp":"${new Date(timeOf(id)).toISOString()}"}`;
}

/** The id in a line that formatFrame wrote. */
export function idInLine(line: string): Id {
  const at = line.indexOf('"id":"') + 6;
  return line.slice(at, at + 26) as Id;
}
