// The parts joined: opened in order, closed in reverse.
import { join } from "node:path";
import { XsError } from "./error.ts";
import { metaOf } from "./frame/meta.ts";
import { parseTopic } from "./frame/topic.ts";
import { listen } from "./http/listen.ts";
import { routes } from "./http/routes.ts";
import { openStore, type Store } from "./store/store.ts";
import type { Fsync } from "./store/writer.ts";

// How long an end waits for the last lines to be printed.
const LOG_MS_MAX = 1_000;

export type ServerOptions = {
  readonly fsync: Fsync;
  /** Gets each frame's line from `xs.start` on, at its own pace; null for nobody. */
  readonly onFrames: ((ndjson: Uint8Array) => Promise<void>) | null;
  /** Called once when the disk fails: nothing is acknowledged any more, and the process should end. */
  readonly onFatal: (error: XsError) => void;
};

export type RunningServer = {
  readonly socketPath: string;
  /** Finishes what was accepted, appends `xs.stopping`, and closes everything. */
  readonly stop: () => Promise<void>;
};

/** Opens the store in a directory and serves it on its socket. Throws `XsError` when it is served already or cannot be. */
export async function startServer(dir: string, { fsync, onFrames, onFatal }: ServerOptions): Promise<RunningServer> {
  const store = openStore(dir, { fsync, onFatal });
  const socketPath = join(dir, "sock");
  const listener = await orClose(
    () => listen(routes(store), socketPath),
    async () => tell(await store.close()),
  );
  const log = onFrames === null ? undefined : logFrames(store, onFrames);
  const close = async (): Promise<void> => {
    store.endFollowing();
    // Who does not read what is printed must not hold up the end.
    await Promise.race([log, Bun.sleep(LOG_MS_MAX)]);
    await listener.close();
    tell(await store.close());
  };
  const stop = async (): Promise<void> => {
    await listener.finish();
    await announce(store, "xs.stopping", null).catch(tell);
    await close();
  };
  await orClose(() => announceStart(store), close);
  return { socketPath, stop };
}

// A full or failed disk at the end: nothing that was acknowledged is lost by it, but it must not pass in silence.
function tell(error: unknown): void {
  if (error instanceof XsError) console.error(`xs: at the end: ${error.message}`);
}

async function orClose<T>(open: () => T | Promise<T>, close: () => Promise<void>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await close();
    throw error;
  }
}

// A full disk takes no xs.start, but what is stored can be read all the same.
async function announceStart(store: Store): Promise<void> {
  try {
    await announce(store, "xs.start", metaOf({ expose: null }));
  } catch (error) {
    if (!(error instanceof XsError) || error.code !== "no_space") throw error;
    console.error(`xs: ${error.message}; serving what is there`);
  }
}

async function announce(store: Store, topic: string, meta: ReturnType<typeof metaOf> | null): Promise<void> {
  await store.append({ topic: parseTopic(topic), meta, ttl: null });
}

async function logFrames(store: Store, onFrames: NonNullable<ServerOptions["onFrames"]>): Promise<void> {
  for await (const part of store.readLog()) {
    if (part.kind === "frames") await onFrames(part.bytes);
  }
}
