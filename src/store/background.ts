// Long reads beside the server: a worker with a read-only connection of its own, so that no request waits for them.
import { type ErrorCode, XsError } from "../error.ts";
import type { Counts } from "./counts.ts";

/** What the worker can do. */
export type Task =
  /** Writes a consistent copy of the database to a path where nothing is yet. */
  | { readonly kind: "copy"; readonly path: string }
  /** Counts what is in the store; `top` bounds the list of topics. */
  | { readonly kind: "count"; readonly top: number };

export type Request = { readonly dir: string; readonly task: Task };
export type Answer =
  | { readonly kind: "done"; readonly counts: Counts | null }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** Copies the database as it is now to a new file. The copy has no log: it is one file, compact and whole. */
export async function copyDatabase(dir: string, path: string): Promise<void> {
  await inBackground({ dir, task: { kind: "copy", path } });
}

/** Counts what is in the store now. */
export async function countStore(dir: string, top: number): Promise<Counts> {
  const counts = await inBackground({ dir, task: { kind: "count", top } });
  if (counts === null) throw new Error("the worker counted nothing");
  return counts;
}

// The compiled program is one file system of its own, where the worker keeps its place below src/ and is asked for by that.
const WORKER = /^(\/\$bunfs|[A-Z]:[\\/]~BUN)[\\/]/.test(import.meta.dir)
  ? "./store/background-worker.ts"
  : new URL("./background-worker.ts", import.meta.url);

// A worker a task: these are rare, and an idle worker would hold 20 MB for nothing.
async function inBackground(request: Request): Promise<Counts | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Counts | null>();
  const worker = new Worker(WORKER);
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (data.kind === "done") resolve(data.counts);
    else reject(new XsError(data.code, data.message));
  };
  worker.onerror = ({ message }) => reject(new Error(`the background worker failed: ${message}`));
  // A stop of the server must not wait for a count.
  worker.unref();
  worker.postMessage(request);
  try {
    return await promise;
  } finally {
    worker.terminate();
  }
}
