// The program as a black box: the compiled binary that XS_BIN names, or else the source.
import { join, resolve } from "node:path";
import { Client } from "../../src/http/client.ts";
import { eventually } from "./eventually.ts";
import { temporaryDir } from "./store.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** The command line that starts the program; arguments follow. */
export const COMMAND: readonly string[] = process.env["XS_BIN"]
  ? [resolve(process.env["XS_BIN"])]
  : [process.execPath, join(ROOT, "src/main.ts")];

export type Ran = {
  readonly code: number;
  readonly stdout: string;
  readonly bytes: Uint8Array;
  readonly stderr: string;
};
export type RunOptions = {
  readonly stdin?: string | Uint8Array | Blob;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  readonly timeoutMs?: number;
};

// A command that hangs is a failure of its own, told with its name.
const RUN_MS_MAX = 60_000;

/** Runs the program to its end. Stdin is empty unless given. */
export async function xs(args: readonly string[], { stdin, cwd, env = {} }: RunOptions = {}): Promise<Ran> {
  return run([...COMMAND, ...args], {
    ...(stdin === undefined ? {} : { stdin }),
    ...(cwd === undefined ? {} : { cwd }),
    env,
  });
}

/** Runs any command to its end. */
export async function run(
  command: readonly string[],
  { stdin, cwd, env = {}, timeoutMs = RUN_MS_MAX }: RunOptions = {},
): Promise<Ran> {
  const child = Bun.spawn([...command], {
    stdin: stdin === undefined ? "ignore" : new Blob([stdin as string]),
    stdout: "pipe",
    stderr: "pipe",
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const [bytes, stderr, code] = await Promise.all([child.stdout.bytes(), child.stderr.text(), child.exited]);
  if (child.signalCode === "SIGKILL")
    throw new Error(`did not end within ${timeoutMs} ms: ${command.join(" ")}\n${stderr}`);
  return { code, bytes, stdout: new TextDecoder().decode(bytes), stderr };
}

/** Runs the program, expects exit code 0, and answers stdout without its last line end. */
export async function ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await xs(args, options);
  if (code !== 0) throw new Error(`xs ${args.join(" ")} ended with ${code}: ${stderr}${stdout.slice(0, 2_000)}`);
  return stdout.replace(/\n$/, "");
}

/** The JSON objects of NDJSON. */
export const lines = <T = Record<string, unknown>>(ndjson: string): T[] =>
  ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);

export type Served = {
  /** The store's directory, which is its address too. */
  readonly addr: string;
  readonly pid: number;
  readonly client: Client;
  /** All that the server has printed on stderr. */
  readonly log: () => string;
  /** Stops with SIGTERM and answers the exit code. */
  readonly stop: () => Promise<number>;
  /** Ends the process as a crash would. */
  readonly kill: () => Promise<void>;
  readonly exited: Promise<number>;
};

/** Starts a server and resolves when it answers. */
export async function serve(
  addr: string,
  flags: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Served> {
  const child = Bun.spawn([...COMMAND, "serve", addr, ...flags], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  let log = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stderr) log += decoder.decode(chunk, { stream: true });
  })();
  let client: Client | undefined;
  await eventually(`a server at ${addr}`, async () => {
    if (child.exitCode !== null) {
      await reading;
      throw new Error(`the server ended with ${child.exitCode}: ${log}`);
    }
    client ??= new Client(addr);
    return client.version().catch(() => null);
  });
  if (client === undefined) throw new Error("no client");
  return {
    addr,
    pid: child.pid,
    client,
    log: () => log,
    stop: async () => {
      child.kill("SIGTERM");
      const code = await child.exited;
      await reading;
      return code;
    },
    kill: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
    exited: child.exited,
  };
}

/** Runs a test against a server on a new store; both are gone afterwards. */
export async function withServer(
  test: (server: Served) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  const dir = temporaryDir();
  try {
    const server = await serve(join(dir.path, "store"), flags);
    try {
      await test(server);
    } finally {
      await server.kill();
    }
  } finally {
    dir.remove();
  }
}
