// POST /append: drafts as NDJSON, appended in one transaction, all or none.
import { invalid, XsError } from "../error.ts";
import { type DraftLine, parseDraft } from "../frame/draft.ts";
import { formatFrame, withTimestamp } from "../frame/frame.ts";
import { levelsOf } from "../frame/topic.ts";
import type { Addition } from "../store/additions.ts";
import type { Store } from "../store/store.ts";
import { BATCH_BYTES_MAX, BATCH_FRAMES_MAX, BATCH_LEVELS_MAX, decodeLines, LINE_CHARS_MAX } from "./wire.ts";

// What the batches under way may have sent, of all clients together: it stands in memory until they are appended.
const UNDER_WAY_BYTES_MAX = 64 * 1024 * 1024;

type Draft = DraftLine & { readonly number: number };

/** Takes batches in, within a bound for all that come at one time. */
export class Batches {
  readonly #store: Store;
  #underWayBytes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Appends the drafts of a body; answers their frames as NDJSON, each line ended. Throws as `Store.append` does, naming
   * the line, `too_large` beyond the bounds of a batch, and `unavailable` beyond the bound of all.
   */
  async append(body: AsyncIterable<Uint8Array>, isTimed: boolean): Promise<string> {
    let bytes = 0;
    const take = (more: number): void => {
      bytes += more;
      this.#underWayBytes += more;
      if (bytes > BATCH_BYTES_MAX) throw tooLarge();
      if (this.#underWayBytes > UNDER_WAY_BYTES_MAX)
        throw new XsError("unavailable", "too many batches are under way; try again");
    };
    try {
      return await this.#append(await readDrafts(counted(body, take)), isTimed);
    } finally {
      this.#underWayBytes -= bytes;
    }
  }

  async #append(drafts: readonly Draft[], isTimed: boolean): Promise<string> {
    const additions = drafts.map((draft) => this.#additionOf(draft));
    try {
      const frames = await this.#store.appendAll(additions);
      return frames
        .map((frame) => `${isTimed ? withTimestamp(formatFrame(frame), frame.id) : formatFrame(frame)}\n`)
        .join("");
    } catch (error) {
      const refused = error instanceof XsError ? drafts[error.details["index"] as number] : undefined;
      throw refused && error instanceof XsError ? naming(refused.number, error) : error;
    } finally {
      for (const { content } of additions) if (content !== null && typeof content !== "string") content.release();
    }
  }

  #additionOf({ draft, content, hash }: Draft): Addition {
    return { draft, content: content ? this.#store.takeBytes(Buffer.from(content)) : hash };
  }
}

async function readDrafts(body: AsyncIterable<Uint8Array>): Promise<Draft[]> {
  const drafts: Draft[] = [];
  let [number, levels] = [0, 0];
  for await (const lines of decodeLines(body, LINE_CHARS_MAX)) {
    for (const line of lines) {
      number++;
      if (line === "") continue;
      const draft = readDraft(line, number);
      levels += levelsOf(draft.draft.topic);
      drafts.push(draft);
    }
    if (drafts.length > BATCH_FRAMES_MAX || levels > BATCH_LEVELS_MAX) throw tooLarge();
  }
  if (drafts.length > 0) return drafts;
  throw invalid("the batch is empty: POST /append takes a frame a line, POST /append/<topic> content");
}

function readDraft(line: string, number: number): Draft {
  try {
    return { ...parseDraft(line), number };
  } catch (error) {
    throw error instanceof XsError ? naming(number, error) : error;
  }
}

const naming = (number: number, { code, message, details }: XsError): XsError =>
  new XsError(code, `line ${number}: ${message}`, details);

async function* counted(body: AsyncIterable<Uint8Array>, take: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    take(chunk.length);
    yield chunk;
  }
}

const tooLarge = (): XsError =>
  new XsError(
    "too_large",
    `a batch has at most ${BATCH_FRAMES_MAX} frames, ${BATCH_LEVELS_MAX} levels of topics and ${BATCH_BYTES_MAX} bytes; send several`,
  );
