// What goes over the wire: queries, the meta header, and the lines of a read, each encoder beside its decoder.
import { invalid, XsError } from "../error.ts";
import { formatFrame, idInLine, withTimestamp } from "../frame/frame.ts";
import type { Id } from "../frame/id.ts";
import { type Meta, parseMeta } from "../frame/meta.ts";
import {
  formatReadOptions,
  parseReadOptions,
  READ_NAMES,
  type ReadName,
  type ReadOptions,
} from "../frame/read-options.ts";
import { parseTopic } from "../frame/topic.ts";

export const META_HEADER = "xs-meta";
/** How many bytes of a copy come, where the answer stays open behind them. */
export const SIZE_HEADER = "xs-size";
// One transaction holds up other writers for its length, and stands in memory.
/** How many frames one batch may have, how many levels their topics together, and how many bytes, line ends included. */
export const BATCH_FRAMES_MAX = 16_384;
export const BATCH_LEVELS_MAX = 131_072;
export const BATCH_BYTES_MAX: number = 8 * 1024 * 1024;
// Meta may have 128 KiB and content in a line 64 KiB, and JSON may spell each of their characters as \uXXXX.
/** How many characters a line of frames or drafts may have. */
export const LINE_CHARS_MAX: number = 1024 * 1024;
export const NDJSON_TYPE = "application/x-ndjson";
export const SSE_TYPE = "text/event-stream";

/** The query of a read, with its `?`; empty when every option has its default. */
export function encodeReadQuery(options: ReadOptions): string {
  const texts = formatReadOptions(options);
  return Object.keys(texts).length === 0 ? "" : `?${new URLSearchParams(texts)}`;
}

/** The options in a query; throws `invalid`. Keys that are not ours are passed over, as on the web. */
export function decodeReadQuery(query: URLSearchParams, lastEventId: string | null = null): ReadOptions {
  const texts: Partial<Record<ReadName, string>> = {};
  for (const name of READ_NAMES) {
    const text = query.get(name);
    if (text !== null) texts[name] = text;
  }
  // A browser that connects again sends the last id that it saw: that is where it goes on, whatever it began with.
  if (lastEventId) {
    for (const name of ["new", "tail", "last-id", "from", "last"] as const) delete texts[name];
    texts.after = lastEventId;
  }
  return parseReadOptions(texts);
}

/** Meta as a header value: base64 of its UTF-8 text, for a header itself is only Latin-1. */
export const encodeMeta = (meta: Meta): string => Buffer.from(meta).toString("base64");

/** The meta in a header value, null without one; throws `invalid` or `too_large`. */
export function decodeMeta(value: string | null): Meta | null {
  if (value === null || value === "") return null;
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 === 1) {
    throw invalid(`${META_HEADER}: not base64; it is the base64 of JSON text in UTF-8, in one header`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, "base64"));
  } catch {
    throw invalid(`${META_HEADER}: its base64 is not UTF-8 text`);
  }
  return parseMeta(text);
}

/** How the lines of a read go out. */
export type LineFormat = { readonly kind: "ndjson" | "sse"; readonly withTimestamp: boolean };

/** A marker as the frame that readers see. It is never stored, so an SSE client must not take its id for a cursor. */
export function markerLine(kind: "threshold" | "pulse", id: Id): string {
  return formatFrame({ topic: parseTopic(`xs.${kind}`), id, hash: null, meta: null, ttl: { kind: "ephemeral" } });
}

/** What an event stream begins with, so that a reader to whom nothing comes yet learns that it is connected. */
export const SSE_OPENING: Uint8Array = new TextEncoder().encode(":\n\n");

// The last frames that were encoded in each format: followers that are woken together are handed the same, and share it.
const lastEncoded = new Map<string, { readonly ndjson: Uint8Array; readonly encoded: Uint8Array }>();

/** Frames (NDJSON, each line ended) in the format asked for. The same array is answered the same array. */
export function encodeFrames(ndjson: Uint8Array, format: LineFormat): Uint8Array {
  if (format.kind === "ndjson" && !format.withTimestamp) return ndjson;
  const name = `${format.kind} ${format.withTimestamp}`;
  const last = lastEncoded.get(name);
  if (last?.ndjson === ndjson) return last.encoded;
  const lines = Buffer.from(ndjson.buffer, ndjson.byteOffset, ndjson.length).toString().split("\n");
  lines.pop();
  const encoded = Buffer.from(lines.map((line) => encodeLine(line, format, true)).join(""));
  lastEncoded.set(name, { ndjson, encoded });
  return encoded;
}

/** A marker in the format asked for. */
export const encodeMarker = (kind: "threshold" | "pulse", id: Id, format: LineFormat): Uint8Array =>
  Buffer.from(encodeLine(markerLine(kind, id), format, false));

function encodeLine(line: string, { kind, withTimestamp: timestamp }: LineFormat, isStored: boolean): string {
  const id = idInLine(line);
  const data = timestamp ? withTimestamp(line, id) : line;
  if (kind === "ndjson") return `${data}\n`;
  return isStored ? `id: ${id}\ndata: ${data}\n\n` : `data: ${data}\n\n`;
}

/**
 * Splits a stream of bytes into lines without their ends, empty ones included, so that they can be counted. Throws
 * `too_large` for one of more than `charsMax` characters.
 */
export async function* decodeLines(chunks: AsyncIterable<Uint8Array>, charsMax: number): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // The pieces of a line whose end has not come: joined once, for a line may come in thousands of them.
  let pieces: string[] = [];
  let chars = 0;
  for await (const chunk of chunks) {
    const lines = decodeOrThrow(decoder, chunk).split("\n");
    const rest = lines.pop() ?? "";
    if (lines.length > 0) {
      lines[0] = pieces.join("") + lines[0];
      [pieces, chars] = [[], 0];
    }
    pieces.push(rest);
    chars += rest.length;
    if (Math.max(chars, lines[0]?.length ?? 0) > charsMax) {
      throw new XsError("too_large", `a line is longer than ${charsMax} characters`);
    }
    if (lines.length > 0) yield lines.map(withoutReturn);
  }
  const last = withoutReturn(pieces.join("") + decodeOrThrow(decoder, undefined));
  if (last !== "") yield [last];
}

function decodeOrThrow(decoder: TextDecoder, chunk: Uint8Array | undefined): string {
  try {
    return decoder.decode(chunk, { stream: chunk !== undefined });
  } catch {
    throw invalid("the text is not UTF-8");
  }
}

const withoutReturn = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);
