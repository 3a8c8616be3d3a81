// Load: runs the generator against a server, and against one that does nothing, which shows what the generator can do.
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./figure.ts";
import type { LoadReport, Plan } from "./generator.ts";
import { median } from "./measure.ts";
import { startServer, untilReady } from "./server.ts";

/** Frames a second of a run, and how it came about. */
export type Load = LoadReport & { readonly rate: number };

type Generator = { readonly child: Bun.Subprocess<"pipe", "pipe", "pipe">; readonly reports: AsyncIterator<string> };
let generator: Generator | null = null;

/** Has the generator, a process of its own, carry out a plan. Throws when an answer was not a success. */
export async function load(plan: Plan): Promise<Load> {
  generator ??= startGenerator();
  const { child, reports } = generator;
  child.stdin.write(`${JSON.stringify(plan)}\n`);
  await child.stdin.flush();
  const { value: line } = await reports.next();
  if (line === undefined) {
    generator = null;
    throw new Error(`the load generator failed: ${await child.stderr.text()}`);
  }
  const report = JSON.parse(line) as LoadReport;
  return { ...report, rate: report.frames / report.seconds };
}

function startGenerator(): Generator {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "generator.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  return { child, reports: linesOf(child.stdout) };
}

async function* linesOf(stdout: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stdout) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Ends the generator, if there is one. */
export async function endGenerator(): Promise<void> {
  generator?.child.kill();
  await generator?.child.exited;
  generator = null;
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
