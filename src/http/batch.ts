// POST /append: drafts as NDJSON, appended in one transaction, all or none.
import { invalid, XsError } from "../error.ts";
import { type DraftLine, parseDraft } from "../frame/draft.ts";
import { formatFrame, withTimestamp } from "../frame/frame.ts";
import type { Addition } from "../store/additions.ts";
import { Cas, type StoredContent } from "../store/cas.ts";
import type { Store } from "../store/store.ts";
import { BATCH_BYTES_MAX, BATCH_FRAMES_MAX, decodeLines } from "./wire.ts";

/** Appends the drafts of a body; answers their frames as NDJSON, each line ended. Throws as `Store.append` does, naming the line. */
export async function appendBody(store: Store, body: AsyncIterable<Uint8Array>, timestamp: boolean): Promise<string> {
  const lines: DraftLine[] = [];
  for await (const some of decodeLines(bounded(body), BATCH_BYTES_MAX)) {
    for (const line of some) lines.push(parseLine(line, lines.length + 1));
    if (lines.length > BATCH_FRAMES_MAX) throw tooLarge();
  }
  if (lines.length === 0)
    throw invalid("the batch is empty: POST /append takes a frame a line, POST /append/<topic> content");
  const taken: StoredContent[] = [];
  try {
    const additions: Addition[] = [];
    for (const { draft, content, hash } of lines) {
      const stored = content === null || content === "" ? null : await takeText(store, content);
      if (stored !== null) taken.push(stored);
      additions.push({ draft, content: stored ?? hash });
    }
    const frames = await store.appendAll(additions);
    return frames
      .map((frame) => `${timestamp ? withTimestamp(formatFrame(frame), frame.id) : formatFrame(frame)}\n`)
      .join("");
  } finally {
    for (const content of taken) content.release();
  }
}

function parseLine(line: string, number: number): DraftLine {
  try {
    return parseDraft(line);
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    throw new XsError(error.code, `line ${number}: ${error.message}; nothing was appended`);
  }
}

function takeText(store: Store, text: string): StoredContent | Promise<StoredContent | null> {
  const bytes = Buffer.from(text);
  return Cas.isSmall(bytes.length) ? store.takeBytes(bytes) : store.take(oneChunk(bytes));
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* bounded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > BATCH_BYTES_MAX) throw tooLarge();
    yield chunk;
  }
}

const tooLarge = (): XsError =>
  new XsError("too_large", `a batch has at most ${BATCH_FRAMES_MAX} frames and ${BATCH_BYTES_MAX} bytes; send several`);
