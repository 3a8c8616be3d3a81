// Bodies: a request's with deadlines, a response's pulled at the reader's pace.
import { invalid, XsError } from "../error.ts";

// Who pipes a slow command into an append may pause for long; what is silent for an hour is a dead peer.
const UPLOAD_SILENCE_MS_MAX = 60 * 60 * 1000;
const SILENCE_CHECK_MS = 60 * 1000;

/** The chunks of a request's body; none without a body. Throws `invalid` when it is cut short or is silent for so long. */
export async function* requestChunks(
  request: Request,
  silenceMs: number = UPLOAD_SILENCE_MS_MAX,
): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  let isSilent = false;
  // One timer that is put off with each chunk. It ends the wait as if the body had ended.
  const silence = setTimeout(() => {
    isSilent = true;
    reader.cancel().catch(() => undefined);
  }, silenceMs);
  try {
    for (;;) {
      silence.refresh();
      // All that has come: one by one they would be cut into smaller pieces.
      const { done, value } = await cutShort(() => reader.readMany());
      if (isSilent) throw fellSilent(silenceMs);
      yield* value;
      if (done) return;
    }
  } finally {
    clearTimeout(silence);
    reader.cancel().catch(() => undefined);
  }
}

/** A request's body whole, for one that says it is small. Throws as `requestChunks` does. */
export function requestBytes(request: Request): Promise<Uint8Array> {
  const reading = request.bytes();
  // Most often it has come with its head.
  return Bun.peek.status(reading) === "fulfilled" ? reading : beforeSilence(cutShort(() => reading));
}

// The failure may be a rejection or a throw: `readMany` throws when the body is broken already.
async function cutShort<T>(read: () => Promise<T> | T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof XsError) throw error;
    throw invalid("the body was cut short: nothing was stored");
  }
}

// Bodies that are waited for, each with the ms at which it has been silent for too long. One timer watches all of them: one
// for each would cost a small append a tenth of its time.
const waited = new Map<(error: XsError) => void, number>();
let watch: Timer | null = null;

async function beforeSilence<T>(reading: Promise<T>): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  waited.set(reject, performance.now() + UPLOAD_SILENCE_MS_MAX);
  watch ??= setInterval(endSilent, SILENCE_CHECK_MS).unref();
  try {
    return await Promise.race([reading, silence]);
  } finally {
    waited.delete(reject);
  }
}

function endSilent(): void {
  const nowMs = performance.now();
  for (const [reject, untilMs] of waited) if (untilMs <= nowMs) reject(fellSilent(UPLOAD_SILENCE_MS_MAX));
  if (waited.size > 0 || watch === null) return;
  clearInterval(watch);
  watch = null;
}

const fellSilent = (ms: number): XsError => invalid(`the body fell silent for ${ms / 1000} s: nothing was stored`);

/**
 * A body that asks the generator for its next chunk only when the reader has taken the one before. `leave` is called when
 * the reader goes away, so that a generator that waits for news can end.
 */
export function pulledBody(
  chunks: AsyncGenerator<Uint8Array>,
  leave: () => void = () => undefined,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        leave();
        void chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

/** What a body takes its chunks from. */
export type Chunks = {
  /** The next chunk, null at the end. `"later"`: there is none yet, and `onNews` is called once when it is time to ask again. */
  readonly next: (onNews: () => void) => Uint8Array | "later" | null;
  /** Called when nobody reads any more. */
  readonly leave: () => void;
};

/**
 * A body that asks for a chunk only when the reader has taken the one before, and waits in no promise. It opens its chunks
 * at the first pull, for a body that answers HEAD is neither pulled nor cancelled; `opening` goes out ahead of them.
 */
export const chunkBody = (
  open: () => Chunks,
  signal: AbortSignal,
  opening: Uint8Array | null,
): ReadableStream<Uint8Array> => new ReadableStream(new ChunkBody(open, signal, opening), { highWaterMark: 0 });

type Controller = ReadableStreamDefaultController<Uint8Array>;

class ChunkBody {
  readonly #open: () => Chunks;
  readonly #signal: AbortSignal;
  readonly #opening: Uint8Array | null;
  #chunks: Chunks | null = null;
  // Null when the reader has left.
  #controller: Controller | null = null;

  constructor(open: () => Chunks, signal: AbortSignal, opening: Uint8Array | null) {
    this.#open = open;
    this.#signal = signal;
    this.#opening = opening;
  }

  pull(controller: Controller): void {
    if (this.#chunks !== null) return this.#give();
    this.#chunks = this.#open();
    this.#controller = controller;
    this.#signal.addEventListener("abort", () => this.cancel());
    if (this.#signal.aborted) return this.cancel();
    if (this.#opening === null) this.#give();
    else controller.enqueue(this.#opening);
  }

  cancel(): void {
    this.#controller = null;
    this.#chunks?.leave();
  }

  // For a pull, or for the one that found nothing when it came.
  readonly #give = (): void => {
    const controller = this.#controller;
    if (controller === null) return;
    try {
      const chunk = this.#chunks?.next(this.#give) ?? null;
      if (chunk === null) controller.close();
      else if (chunk !== "later") controller.enqueue(chunk);
    } catch (error) {
      this.cancel();
      controller.error(error);
    }
  };
}
