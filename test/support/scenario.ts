// A day in the life of a store, during which any system call may fail: what was told, and whether it was true.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { expectWhole, Load } from "./load.ts";
import { firedCalls, type Failure, shimEnv } from "./shim.ts";
import { COMMAND, serve } from "./xs.ts";

const START_MS_MAX = 15_000;

export type Outcome = {
  /** The calls that failed; none when the scenario makes fewer of them. */
  readonly fired: readonly string[];
  readonly exitCode: number;
  readonly log: string;
};

/** Starts a server that may not come up; answers when it listens, or how it ended. */
export async function startUnderFault(
  addr: string,
  env: Record<string, string>,
  flags: readonly string[] = [],
): Promise<{ readonly isUp: boolean; readonly stop: () => Promise<{ code: number; log: string }> }> {
  const child = Bun.spawn([...COMMAND, "serve", addr, "--quiet", ...flags], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, ...env },
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const log = child.stderr.text();
  const unix = join(addr, "sock");
  const state = await eventually(
    "a server, or its end",
    async () => {
      if (child.exitCode !== null) return "ended";
      const response = await fetch("http://x/version", { unix, signal: AbortSignal.timeout(1_000) }).catch(() => null);
      return response?.ok ? "up" : null;
    },
    START_MS_MAX,
  );
  return {
    isUp: state === "up",
    stop: async () => {
      child.kill("SIGTERM");
      return { code: await child.exited, log: await log };
    },
  };
}

// Everything that touches the disk: small and large content, retention, content ahead of its frame, reads, gc, backup, the
// sweep that expiry asks for, and enough small writes that the log is checkpointed in the middle.
async function work(addr: string, load: Load, isLong: boolean): Promise<void> {
  const unix = join(addr, "sock");
  const step = async (path: string, init: RequestInit = {}): Promise<void> => {
    const response = await fetch(`http://x${path}`, { unix, signal: AbortSignal.timeout(10_000), ...init });
    const text = await response.text();
    if (!response.ok) load.refused.set(`${response.status} ${path}`, text);
  };
  await load.append(addr, "small", "small content");
  await load.append(addr, "none", null);
  const large = await load.append(addr, "large", "large content ".repeat(20_000));
  await load.append(addr, "kept", "one", "last:1");
  await load.append(addr, "kept", "two ".repeat(20_000), "last:1");
  await load.append(addr, "short", "gone soon", "time:1");
  await load.append(addr, "same", "small content");
  await step("/cas", { method: "POST", body: "ahead of its frame ".repeat(10_000) });
  await step("/");
  if (large?.hash) await step(`/cas/${large.hash}`);
  if (isLong) for (let n = 0; n < 300; n++) await load.append(addr, "many", `${n} `.repeat(16_000).slice(0, 60_000));
  await step("/gc", { method: "POST" });
  await step("/backup");
  await step("/health");
}

/** Runs the scenario with a failure, then starts once more without: throws when anything that was told is not true. */
export async function runScenario(
  dir: string,
  failure: Failure,
  { isRecovery = false, isLong = false } = {},
): Promise<Outcome> {
  const [addr, fired] = [join(dir, "store"), join(dir, "fired")];
  const load = new Load();
  if (isRecovery) {
    const before = await serve(addr, ["--quiet"]);
    await work(addr, load, false);
    await before.kill();
  }
  const server = await startUnderFault(addr, await shimEnv(addr, { failure, fired }));
  if (server.isUp) await work(addr, load, isLong).catch(() => undefined);
  const { code, log } = await server.stop();
  const calls = firedCalls(fired);

  const again = await serve(addr, ["--quiet"]);
  try {
    // The one short-lived frame may be gone by now, which is right.
    for (const frame of load.acknowledged.values()) {
      if (frame.topic === "short") load.acknowledged.delete(frame.id);
    }
    await load.verify(addr);
    if (readdirSync(join(addr, "cas/tmp")).length > 0) throw new Error("C7: a temporary file stays");
    await load.append(addr, "after", "after it all");
    await load.verify(addr);
    await expectWhole(addr);
  } finally {
    await again.kill();
  }
  const told = [log, ...load.refused.values()].join("\n");
  return { fired: calls, exitCode: code, log: told };
}
