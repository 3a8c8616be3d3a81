// Meta: any JSON value, kept as the text it was given, so that 1.0, 2^53 + 1 and the order of keys come back unchanged.
import { invalid, XsError } from "../error.ts";

declare const metaBrand: unique symbol;

/** Valid JSON text without white space between its tokens. */
export type Meta = string & { readonly [metaBrand]: true };

// Meta is read with every frame; what is larger belongs into the content, which is read on demand.
const META_BYTES_MAX = 128 * 1024;
// JSON.parse takes any depth, but most readers of our frames (jq: 10,000; Nushell: less) do not.
const META_DEPTH_MAX = 200;

/** Checks and compacts JSON text; null for the value null. Throws `invalid`, or `too_large` beyond 128 KiB. */
export function parseMeta(text: string): Meta | null {
  // A character has at most 3 bytes: most texts need not be measured.
  const bytes = text.length * 3 > META_BYTES_MAX ? Buffer.byteLength(text) : 0;
  if (bytes > META_BYTES_MAX) {
    throw new XsError(
      "too_large",
      `meta has ${bytes} bytes, at most ${META_BYTES_MAX} are allowed; put it into the content`,
    );
  }
  try {
    JSON.parse(text);
  } catch (error) {
    throw invalid(`meta is not JSON: ${(error as Error).message.replace(/^JSON Parse error: /, "")}`);
  }
  const compact = withoutWhiteSpace(text);
  if (depthOf(compact) > META_DEPTH_MAX) throw invalid(`meta is nested more than ${META_DEPTH_MAX} levels deep`);
  return compact === "null" ? null : (compact as Meta);
}

/** The same for text that may be more, or less, than one JSON value: undefined where `parseMeta` throws. */
export function wholeMeta(text: string): Meta | null | undefined {
  if (text === "null") return null;
  try {
    return parseMeta(text);
  } catch {
    return undefined;
  }
}

/** Meta that the program itself writes. */
export const metaOf = (value: object): Meta => JSON.stringify(value) as Meta;

// JSON allows exactly these four between tokens; inside strings a raw one can only be a space.
function withoutWhiteSpace(json: string): string {
  if (!/[ \t\n\r]/.test(json)) return json;
  return json.replace(/("(?:[^"\\]|\\.)*")|[ \t\n\r]+/g, (_, string: string | undefined) => string ?? "");
}

function depthOf(json: string): number {
  if (json.length <= META_DEPTH_MAX) return 0;
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === 0x22) at = endOfString(json, at);
    else if (char === 0x7b || char === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (char === 0x7d || char === 0x5d) depth--;
  }
  return deepest;
}

/** The index of the quote that closes the JSON string which opens at `start`. */
export function endOfString(json: string, start: number): number {
  for (let at = start + 1; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === 0x5c) at++;
    else if (char === 0x22) return at;
  }
  return json.length;
}
