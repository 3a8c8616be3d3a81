// POST /import: frames as JSON or NDJSON, taken in chunks, each of which is stored whole or not at all.
import { XsError } from "../error.ts";
import { formatFrame, type Frame, parseFrame } from "../frame/frame.ts";
import { checkMayBeStored, levelsOf } from "../frame/topic.ts";
import type { Imported } from "../store/additions.ts";
import type { Store } from "../store/store.ts";
import { BATCH_BYTES_MAX, BATCH_FRAMES_MAX, BATCH_LEVELS_MAX, decodeLines, LINE_CHARS_MAX } from "./wire.ts";

/** Imports a body and answers JSON: the frame when there was one, else the counts. `isJson`: the body is one JSON value. */
export async function importBody(store: Store, body: AsyncIterable<Uint8Array>, isJson: boolean): Promise<string> {
  const total = { imported: 0, existing: 0, expired: 0 };
  let [lines, frames, levels, bytes] = [0, 0, 0, 0];
  let only: Frame | null = null;
  // A transaction, as large as that of a batch: then the index is written in long sorted runs.
  let chunk: Frame[] = [];
  const flush = async (): Promise<void> => {
    if (chunk.length === 0) return;
    const full = chunk;
    [chunk, levels, bytes] = [[], 0, 0];
    add(total, await store.import(full));
  };
  try {
    for await (const some of isJson ? wholeText(body) : decodeLines(body, LINE_CHARS_MAX)) {
      for (const line of some) {
        lines++;
        if (line === "" && !isJson) continue;
        only = parseLine(line, lines);
        chunk.push(only);
        frames++;
        levels += levelsOf(only.topic);
        bytes += line.length;
        if (chunk.length >= BATCH_FRAMES_MAX || levels >= BATCH_LEVELS_MAX || bytes >= BATCH_BYTES_MAX) await flush();
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
  return only !== null && frames === 1 ? formatFrame(only) : JSON.stringify(total);
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
  for await (const lines of decodeLines(body, LINE_CHARS_MAX)) {
    text += lines.join("\n");
    if (text.length > LINE_CHARS_MAX) {
      throw new XsError("too_large", `a frame is longer than ${LINE_CHARS_MAX} characters; send many as NDJSON`);
    }
  }
  yield [text];
}

function add(total: { imported: number; existing: number; expired: number }, more: Imported): void {
  total.imported += more.imported;
  total.existing += more.existing;
  total.expired += more.expired;
}
