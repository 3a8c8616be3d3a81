// The members of a JSON object as they stand in its text: what is kept must come back as it was given.
import { invalid, quote } from "../error.ts";
import { endOfString } from "./meta.ts";

/** Each key with the text of its value. */
export type Members = ReadonlyMap<string, string>;

/** The members of a JSON object, each value as the text that stands there. Throws `invalid` for anything else. */
export function membersOf(json: string): Members {
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

/** Throws `invalid` for a key that a frame does not have; `known` is the sentence that names those it has. */
export function checkKeys(members: Members, keys: ReadonlySet<string>, known: string): void {
  for (const key of members.keys()) {
    if (!keys.has(key)) throw invalid(`a frame has no key ${quote(key)}: ${known}`);
  }
}

/** The string under a key, null when it is null or not there; throws `invalid` for any other value. */
export function stringOf(members: Members, key: string): string | null {
  const raw = members.get(key);
  if (raw === undefined || raw === "null") return null;
  const value: unknown = JSON.parse(raw);
  if (typeof value !== "string") throw invalid(`${key} is not a string`);
  return value;
}
