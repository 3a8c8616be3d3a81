// POST /import: frames as JSON or NDJSON, taken in chunks, each of which is stored whole or not at all.
import { XsError } from "../error.ts";
import { formatFrame, type Frame, parseFrame } from "../frame/frame.ts";
import { checkMayBeStored } from "../frame/topic.ts";
import type { Imported } from "../store/additions.ts";
import type { Store } from "../store/store.ts";
import { decodeLines } from "./wire.ts";

// A chunk is one transaction: large, for then the index is written in long sorted runs; but it holds up other writers
// for its length, and stands in memory.
const CHUNK_FRAMES_MAX = 16_384;
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;
// Meta may have 128 KiB, and JSON may spell each of its characters as \uXXXX.
const LINE_BYTES_MAX = 1024 * 1024;

/** Imports a body and answers JSON: the frame when there was one, else the counts. `isJson`: the body is one JSON value. */
export async function importBody(store: Store, body: AsyncIterable<Uint8Array>, isJson: boolean): Promise<string> {
  const total = { imported: 0, existing: 0, expired: 0 };
  let lines = 0;
  let only: Frame | null = null;
  let chunk: Frame[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (chunk.length === 0) return;
    const frames = chunk;
    [chunk, bytes] = [[], 0];
    add(total, await store.import(frames));
  };
  try {
    for await (const some of isJson ? wholeText(body) : decodeLines(body, LINE_BYTES_MAX)) {
      for (const line of some) {
        only = parseLine(line, ++lines);
        chunk.push(only);
        bytes += line.length;
        if (chunk.length >= CHUNK_FRAMES_MAX || bytes >= CHUNK_BYTES_MAX) await flush();
      }
    }
    await flush();
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    const { imported, existing } = total;
    const before =
      imported + existing > 0 ? `; ${imported} frames before it were imported, and sending all again is safe` : "";
    throw new XsError(error.code, `${error.message}${before}`, { ...error.details, ...total });
  }
  return only !== null && lines === 1 ? formatFrame(only) : JSON.stringify(total);
}

function parseLine(line: string, number: number): Frame {
  try {
    const frame = parseFrame(line);
    checkMayBeStored(frame.topic);
    return frame;
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    throw new XsError(error.code, `line ${number}: ${error.message}`);
  }
}

async function* wholeText(body: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  let text = "";
  for await (const lines of decodeLines(body, LINE_BYTES_MAX)) {
    text += lines.join("\n");
    if (text.length > LINE_BYTES_MAX) {
      throw new XsError("too_large", `a frame is longer than ${LINE_BYTES_MAX} bytes; send many as NDJSON`);
    }
  }
  yield [text];
}

function add(total: { imported: number; existing: number; expired: number }, more: Imported): void {
  total.imported += more.imported;
  total.existing += more.existing;
  total.expired += more.expired;
}
