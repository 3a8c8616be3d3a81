// Load: runs the generator against a server, and against one that does nothing, which shows what the generator can do.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./figure.ts";
import type { LoadReport, Plan } from "./generator.ts";
import { median } from "./measure.ts";
import { startServer, untilReady } from "./server.ts";

/** Frames a second of a run, and how it came about. */
export type Load = LoadReport & { readonly rate: number };

/** Runs the generator in a process of its own. Throws when an answer was not a success. */
export async function load(plan: Plan): Promise<Load> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "generator.ts"), JSON.stringify(plan)], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`the load generator failed: ${stderr}`);
  const report = JSON.parse(stdout) as LoadReport;
  return { ...report, rate: report.frames / report.seconds };
}

/** An append plan; everything may be replaced. */
export const appendPlan = (socketPath: string, connections: number, ms: number, rest: Partial<Plan> = {}): Plan => ({
  socketPath,
  protocol: "http",
  connections,
  ms,
  method: "POST",
  path: "/append/bench.append",
  bytes: 0,
  batch: 1,
  ...rest,
});

/** The rate against a server that does nothing but answer, and the share of a core that the generator takes for it. */
export async function baselineRate(bench: Bench): Promise<{ rate: number; generatorShare: number }> {
  const socketPath = join(bench.dir, "idle.sock");
  const server = startServer([process.execPath, join(import.meta.dir, "idle-server.ts"), socketPath]);
  await untilReady(() => fetch("http://x/", { unix: socketPath }).then(({ ok }) => ok));
  const loads: Load[] = [];
  for (let round = 0; round < bench.rounds; round++) loads.push(await load(appendPlan(socketPath, 64, bench.roundMs)));
  server.kill();
  await server.exited;
  rmSync(socketPath, { force: true });
  return { rate: median(loads.map(({ rate }) => rate)), generatorShare: median(loads.map(({ cpuShare }) => cpuShare)) };
}
