// The API in tests: a store's routes without a socket, or with one and raw bytes on it.
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Hono } from "hono";
import { listen } from "../../src/http/listen.ts";
import { routes } from "../../src/http/routes.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { temporaryDir, withStore } from "./store.ts";

/** Runs a test on the routes of a new store. */
export const withApi = (test: (api: Hono, store: Store, clock: { ms: number }) => Promise<void>): Promise<void> =>
  withStore((store, clock) => test(routes(store), store, clock));

/** Runs a test on a new store that listens on a socket. */
export async function withSocket(test: (socket: string, store: Store) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  const store = openStore(dir.path);
  const socket = join(dir.path, "sock");
  const listener = listen(routes(store), socket);
  try {
    await test(socket, store);
  } finally {
    store.endFollowing();
    await listener.finish();
    await listener.close();
    await store.close();
    dir.remove();
  }
}

/** A connection on which the test writes and reads bytes itself. */
export type RawConnection = { readonly socket: Socket; readonly text: () => string; readonly closed: Promise<void> };

/** Connects and writes this text. */
export function rawConnection(path: string, text: string): RawConnection {
  const chunks: Buffer[] = [];
  const socket = connect(path);
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on("data", (chunk) => void chunks.push(chunk as Buffer));
  socket.on("close", () => resolve());
  socket.on("error", () => undefined);
  socket.write(text);
  return { socket, text: () => Buffer.concat(chunks).toString(), closed };
}

export const META = (text: string): { "xs-meta": string } => ({ "xs-meta": Buffer.from(text).toString("base64") });
