// The peer Redis: Debian's redis-server on a unix socket of its own, every write fsynced before it is answered.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startServer, untilReady } from "./server.ts";

export type Redis = { readonly socketPath: string; readonly pid: number; readonly stop: () => Promise<void> };

/** Starts it; null when this machine has none. */
export async function startRedis(dir: string): Promise<Redis | null> {
  const binary = Bun.which("redis-server");
  if (binary === null) return null;
  mkdirSync(dir, { recursive: true });
  const socketPath = join(dir, "redis.sock");
  const settings = ["--port", "0", "--unixsocket", socketPath, "--dir", dir, "--save", ""];
  const durable = ["--appendonly", "yes", "--appendfsync", "always"];
  const child = startServer([binary, ...settings, ...durable]);
  await untilReady(() => ping(socketPath));
  return {
    socketPath,
    pid: child.pid,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

async function ping(socketPath: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = await Bun.connect({
    unix: socketPath,
    socket: {
      open: (opened) => void opened.write("PING\r\n"),
      data: (_, answer) => resolve(answer.toString().startsWith("+PONG")),
      error: (_, error) => reject(error),
    },
  });
  try {
    return await promise;
  } finally {
    socket.end();
  }
}
