// Following: how long after an append its frame reaches a follower, and what a thousand of them cost.
import { join } from "node:path";
import type { Bench, Figure } from "./figure.ts";
import type { FollowersPlan, FollowersReport } from "./followers.ts";
import { inMs, median, memoryOf, quantile, whole } from "./measure.ts";
import { serve, type Server } from "./server.ts";
import { Connection, metaHeader, sharedNow } from "./socket.ts";
import { RawStore } from "./sqlite-peer.ts";

const PACE_PER_S = 100;
// Beyond the commit itself.
const GOAL_BEYOND_COMMIT_MS = 0.3;
const GOAL_P99_MS = 5;
const FOLLOWERS = 1_000;
const FOLLOWERS_PACE_PER_S = 200;
const GOAL_FOLLOWERS_P99_MS = 25;
const GOAL_FOLLOWERS_MB = 150;

export const follow: Figure = {
  name: "follow",
  summary: `from an append to its follower, at ${PACE_PER_S}/s, beside the commit alone at the same pace`,
  async run(bench) {
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const raw = new RawStore(join(bench.dir, "raw"));
    const appender = await new Connection(server.socketPath).open();
    const follower = await new Connection(server.socketPath).open();
    const arrived: number[] = [];
    const sent: number[] = [];
    follower.stream("/?follow&new&topic=latency", (chunk) => {
      for (const [, n] of chunk.matchAll(/"meta":\{"n":(\d+)\}/g)) arrived[Number(n)] = performance.now();
    });
    await Bun.sleep(100);
    const commits: number[] = [];
    const count = bench.quick ? 150 : 1_500;
    for (let n = 0; n < count; n++) {
      await Bun.sleep(1000 / PACE_PER_S / 2);
      commits.push(raw.commitMs(1));
      await Bun.sleep(1000 / PACE_PER_S / 2);
      sent[n] = performance.now();
      await appender.send("POST", "/append/latency", metaHeader({ n }));
    }
    await Bun.sleep(100);
    const missing = sent.findIndex((_, n) => arrived[n] === undefined);
    if (missing !== -1) throw new Error(`frame ${missing} never reached the follower`);
    const latencies = sent.map((at, n) => (arrived[n] ?? Number.NaN) - at);
    raw.close();
    await server.stop();
    const figures = `p50 ${inMs(median(latencies))}, p99 ${inMs(quantile(latencies, 0.99))}; the commit alone p50 ${inMs(median(commits))}, p99 ${inMs(quantile(commits, 0.99))}`;
    bench.report({
      figure: "append to follower, p50",
      unit: "ms beyond the commit",
      reached: median(latencies) - median(commits),
      atMost: GOAL_BEYOND_COMMIT_MS,
      detail: figures,
    });
    bench.report({
      figure: "append to follower, p99",
      unit: "ms",
      reached: quantile(latencies, 0.99),
      atMost: GOAL_P99_MS,
      detail: figures,
    });
  },
};

export const followers: Figure = {
  name: "followers",
  summary: `${whole(FOLLOWERS)} followers of one topic at ${FOLLOWERS_PACE_PER_S} appends/s`,
  async run(bench) {
    const rounds: (FollowersReport & { residentMb: number; ownMb: number })[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      const server = await serve(bench.binary, join(bench.dir, `store-${round}`));
      rounds.push(await oneRound(bench, server));
      await server.stop();
    }
    const of = (name: "p50Ms" | "p99Ms" | "cpuShare" | "residentMb" | "ownMb"): number =>
      median(rounds.map((round) => round[name]));
    const detail = `p50 ${inMs(of("p50Ms"))}; the followers themselves take ${Math.round(of("cpuShare") * 100)}% of a core`;
    const figure = `${whole(FOLLOWERS)} followers`;
    bench.report({ figure, unit: "ms, p99", reached: of("p99Ms"), atMost: GOAL_FOLLOWERS_P99_MS, detail });
    bench.report({
      figure,
      unit: "MB of the server",
      reached: of("residentMb"),
      atMost: GOAL_FOLLOWERS_MB,
      detail: `of it ${of("ownMb").toFixed(0)} MB its own, the rest the binary's file`,
    });
  },
};

async function oneRound(
  bench: Bench,
  server: Server,
): Promise<FollowersReport & { residentMb: number; ownMb: number }> {
  const appends = (bench.quick ? 1 : 8) * FOLLOWERS_PACE_PER_S;
  const plan: FollowersPlan = { socketPath: server.socketPath, followers: FOLLOWERS, frames: appends };
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "followers.ts"), JSON.stringify(plan)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = child.stdout.values();
  // The first line says that all are connected.
  const decoder = new TextDecoder();
  await lines.next();
  const appender = await new Connection(server.socketPath).open();
  const start = performance.now();
  for (let n = 0; n < appends; n++) {
    const due = start + (n * 1000) / FOLLOWERS_PACE_PER_S;
    if (due > performance.now()) await Bun.sleep(due - performance.now());
    await appender.send("POST", "/append/fan.out", metaHeader({ n, at: sharedNow() }));
  }
  const memory = memoryOf(server.pid);
  let report = "";
  for await (const chunk of lines) report += decoder.decode(chunk);
  if ((await child.exited) !== 0) throw new Error("not every follower got every frame in order");
  return { ...(JSON.parse(report) as FollowersReport), ...memory };
}
