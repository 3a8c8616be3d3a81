// A frame, its JSON text, and what a frame is before it has an id.
import { invalid, quote } from "../error.ts";
import { type Hash, parseHash } from "./hash.ts";
import { type Id, parseId, timeOf } from "./id.ts";
import { endOfString, type Meta, parseMeta } from "./meta.ts";
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
  const parsed = meta === "null" ? null : wholeMeta(meta);
  if (parsed === undefined) return null;
  return {
    topic: parseTopic(topic),
    id: parseId(id),
    hash: hash === undefined ? null : parseHash(hash),
    meta: parsed,
    ttl: ttl === undefined ? null : parseTtl(ttl),
  };
}

// `(.*)` may have run over a second "ttl": then what it took is not one JSON value, and the general scan decides.
function wholeMeta(text: string): Meta | null | undefined {
  try {
    return parseMeta(text);
  } catch {
    return undefined;
  }
}

function frameOf(members: ReadonlyMap<string, string>): Frame {
  for (const key of members.keys()) {
    if (!KEYS.has(key)) throw invalid(`a frame has no key ${quote(key)}: its keys are topic, id, hash, meta and ttl`);
  }
  const text = (key: string): string | null => {
    const raw = members.get(key);
    if (raw === undefined || raw === "null") return null;
    const value: unknown = JSON.parse(raw);
    if (typeof value !== "string") throw invalid(`${key} is not a string`);
    return value;
  };
  const [topic, id, hash, ttl] = [text("topic"), text("id"), text("hash"), text("ttl")];
  if (topic === null) throw invalid("the frame has no topic");
  if (id === null) throw invalid("the frame has no id");
  return {
    topic: parseTopic(topic),
    id: parseId(id),
    hash: hash === null ? null : parseHash(hash),
    meta: parseMeta(members.get("meta") ?? "null"),
    ttl: ttl !== null ? parseTtl(ttl) : members.has("ttl") ? null : FOREVER,
  };
}

/** The members of a JSON object, each value as the text that stands there. Throws `invalid` for anything else. */
function membersOf(json: string): Map<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw invalid(`not JSON: ${(error as Error).message.replace(/^JSON Parse error: /, "")}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw invalid("not a JSON object");
  const members = new Map<string, string>();
  // The text is valid JSON from here on, so strings, brackets and commas are all there is to look at.
  let at = json.indexOf("{") + 1;
  for (;;) {
    const keyStart = json.indexOf('"', at);
    if (keyStart === -1) return members;
    const keyEnd = endOfString(json, keyStart);
    const key = JSON.parse(json.slice(keyStart, keyEnd + 1)) as string;
    const valueStart = json.indexOf(":", keyEnd) + 1;
    const valueEnd = endOfValue(json, valueStart);
    if (members.has(key)) throw invalid(`the key ${quote(key)} stands twice`);
    members.set(key, json.slice(valueStart, valueEnd).trim());
    if (json[valueEnd] !== ",") return members;
    at = valueEnd + 1;
  }
}

function endOfValue(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    const char = json[at];
    if (char === '"') at = endOfString(json, at);
    else if (char === "{" || char === "[") depth++;
    else if (depth === 0 && (char === "," || char === "}")) return at;
    else if (char === "}" || char === "]") depth--;
  }
  return json.length;
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
