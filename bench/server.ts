// Servers under measurement: the compiled binary on a store of its own, and stores of a given size.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./figure.ts";
import { newFrames } from "./frames.ts";

// How long a server may take to come up.
const READY_MS_MAX = 20_000;

// Servers that are up: whatever happens to a figure, none of them is left behind.
const running = new Set<Bun.Subprocess>();

/** Ends the servers that a figure which failed has left behind. */
export async function endServers(): Promise<void> {
  for (const child of running) {
    child.kill("SIGKILL");
    await child.exited;
  }
}

/** Starts a server process that `endServers` knows of. */
export function startServer(command: string[]): Bun.Subprocess {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return child;
}

export type Server = {
  readonly pid: number;
  readonly dir: string;
  readonly socketPath: string;
  /** Ends it in an orderly way. */
  readonly stop: () => Promise<void>;
};

/** Starts `xs serve` as a user does, its log thrown away, and waits until it answers. */
export async function serve(binary: string, dir: string): Promise<Server> {
  mkdirSync(join(dir, ".."), { recursive: true });
  const child = startServer([binary, "serve", dir]);
  const socketPath = join(dir, "sock");
  await untilReady(() => fetch("http://x/version", { unix: socketPath }).then((answer) => answer.ok));
  return {
    pid: child.pid,
    dir,
    socketPath,
    async stop() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** Starts the server that shows what Bun and SQLite can do at most; it answers appends alone. */
export async function serveBound(dir: string): Promise<Omit<Server, "dir">> {
  mkdirSync(dir, { recursive: true });
  const child = startServer([process.execPath, join(import.meta.dir, "bound-server.ts"), dir]);
  const socketPath = join(dir, "sock");
  await untilReady(() => fetch("http://x/", { unix: socketPath }).then((answer) => answer.ok));
  return {
    pid: child.pid,
    socketPath,
    async stop() {
      child.kill();
      await child.exited;
    },
  };
}

/** Asks every millisecond until the answer is true. */
export async function untilReady(isReady: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + READY_MS_MAX;
  while (!(await isReady().catch(() => false))) {
    if (performance.now() > end) throw new Error("the server did not come up");
    await Bun.sleep(1);
  }
}

/** Fills a served store with so many frames through the client; `topicOf` names the topic of each. */
export async function fill(
  bench: Bench,
  server: Server,
  count: number,
  topicOf: (n: number) => string,
): Promise<number> {
  const start = performance.now();
  const child = Bun.spawn([bench.binary, "import", server.dir], {
    stdin: new Response(newFrames(count, topicOf)),
    stdout: "pipe",
    stderr: "inherit",
  });
  const answer = await child.stdout.text();
  if ((await child.exited) !== 0) throw new Error(`the import failed: ${answer}`);
  const { imported } = JSON.parse(answer) as { imported: number };
  if (imported !== count) throw new Error(`${imported} of ${count} frames were imported`);
  return performance.now() - start;
}
