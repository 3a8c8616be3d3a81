// Following: how long after an append its frame reaches a follower, and what a thousand of them cost.
import { join } from "node:path";
import type { Bench, Figure } from "./figure.ts";
import type { FollowersPlan, FollowersReport } from "./followers.ts";
import { cpuMsOf, inMs, median, memoryOf, quantile, whole } from "./measure.ts";
import { serve, serveBound, type Server } from "./server.ts";
import { Connection, metaHeader, sharedNow } from "./socket.ts";
import { RawStore } from "./sqlite-peer.ts";

const PACE_PER_S = 100;
// Beyond the commit itself.
const GOAL_BEYOND_COMMIT_MS = 0.3;
const GOAL_P99_MS = 5;
const FOLLOWERS = 1_000;
const FOLLOWERS_PACE_PER_S = 200;
const WARM_UP_FRAMES = 100;
const QUICK_ROUNDS = 3;
const GOAL_FOLLOWERS_P99_MS = 25;
const GOAL_FOLLOWERS_MB = 150;

export const follow: Figure = {
  name: "follow",
  summary: `from an append to its follower, at ${PACE_PER_S}/s, beside the commit alone at the same pace`,
  async run(bench) {
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const bound = await serveBound(join(bench.dir, "bound"));
    const raw = new RawStore(join(bench.dir, "raw"));
    const [ours, bare] = [await Way.open(server.socketPath), await Way.open(bound.socketPath)];
    const commits: number[] = [];
    const count = bench.quick ? 150 : 1_500;
    for (let n = 0; n < count; n++) {
      for (const step of [() => void commits.push(raw.commitMs(1)), () => ours.append(n), () => bare.append(n)]) {
        await Bun.sleep(1000 / PACE_PER_S / 3);
        await step();
      }
    }
    await Bun.sleep(100);
    const [latencies, bareLatencies] = [ours.latencies(), bare.latencies()];
    raw.close();
    await bound.stop();
    await server.stop();
    const figures = (name: string, values: readonly number[]): string =>
      `${name}p50 ${inMs(median(values))}, p99 ${inMs(quantile(values, 0.99))}`;
    const commitMs = median(commits);
    const detail = [
      figures("", latencies),
      figures("the commit alone ", commits),
      figures("Bun.serve with that commit and one stream ", bareLatencies),
    ].join("; ");
    bench.report({
      figure: "append to follower, p50",
      unit: "ms beyond the commit",
      reached: median(latencies) - commitMs,
      atMost: GOAL_BEYOND_COMMIT_MS,
      detail: `${detail}, which is ${inMs(median(bareLatencies) - commitMs)} beyond`,
    });
    bench.report({
      figure: "append to follower, p99",
      unit: "ms",
      reached: quantile(latencies, 0.99),
      atMost: GOAL_P99_MS,
      detail,
    });
  },
};

/** The way from one appender to one follower. Both live in this process, which the answer has woken when the frame comes. */
class Way {
  readonly #appender: Connection;
  readonly #sent: number[] = [];
  readonly #arrived: number[] = [];

  private constructor(appender: Connection) {
    this.#appender = appender;
  }

  static async open(socketPath: string): Promise<Way> {
    const way = new Way(await new Connection(socketPath).open());
    const follower = await new Connection(socketPath).open();
    follower.stream("/?follow&new&topic=latency", (chunk) => {
      for (const [, n] of chunk.matchAll(/"meta":\{"n":(\d+)\}/g)) way.#arrived[Number(n)] = performance.now();
    });
    await Bun.sleep(100);
    return way;
  }

  async append(n: number): Promise<void> {
    this.#sent[n] = performance.now();
    await this.#appender.send("POST", "/append/latency", metaHeader({ n }));
  }

  latencies(): number[] {
    return this.#sent.map((at, n) => {
      const arrived = this.#arrived[n];
      if (arrived === undefined) throw new Error(`frame ${n} never reached the follower`);
      return arrived - at;
    });
  }
}

export const followers: Figure = {
  name: "followers",
  summary: `${whole(FOLLOWERS)} followers of one topic at ${FOLLOWERS_PACE_PER_S} appends/s`,
  async run(bench) {
    const [ours, bare]: [Round[], Round[]] = [[], []];
    // A round has so many deliveries that three of them will do where time is short.
    const rounds = bench.quick ? QUICK_ROUNDS : bench.rounds;
    for (let round = 0; round < rounds; round++) {
      const server = await serve(bench.binary, join(bench.dir, `store-${round}`));
      ours.push(await oneRound(bench, server));
      await server.stop();
      const bound = await serveBound(join(bench.dir, `bound-${round}`));
      bare.push(await oneRound(bench, bound));
      await bound.stop();
    }
    const of = (name: keyof Round, rounds = ours): number => median(rounds.map((round) => round[name]));
    const detail =
      `p50 ${inMs(of("p50Ms"))}, ${of("serverUs").toFixed(1)} us of CPU a delivery; Bun.serve with the same commits and ` +
      `streams p50 ${inMs(of("p50Ms", bare))}, p99 ${inMs(of("p99Ms", bare))}, ${of("serverUs", bare).toFixed(1)} us; ` +
      `the first ${WARM_UP_FRAMES} frames not timed; the followers themselves take ${Math.round(of("cpuShare") * 100)}% of a core`;
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

type Round = FollowersReport & {
  readonly residentMb: number;
  readonly ownMb: number;
  /** Microseconds of CPU of the server for each delivery, the appends included. */
  readonly serverUs: number;
};

async function oneRound(bench: Bench, server: Pick<Server, "pid" | "socketPath">): Promise<Round> {
  const appends = WARM_UP_FRAMES + (bench.quick ? 0.6 : 8) * FOLLOWERS_PACE_PER_S;
  const plan: FollowersPlan = {
    socketPath: server.socketPath,
    followers: FOLLOWERS,
    frames: appends,
    warmUpFrames: WARM_UP_FRAMES,
  };
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "followers.ts"), JSON.stringify(plan)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = child.stdout.values();
  // The first line says that all are connected.
  const decoder = new TextDecoder();
  await lines.next();
  const appender = await new Connection(server.socketPath).open();
  const cpuMs = cpuMsOf(server.pid);
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
  const serverUs = ((cpuMsOf(server.pid) - cpuMs) * 1000) / (appends * FOLLOWERS);
  return { ...(JSON.parse(report) as FollowersReport), ...memory, serverUs };
}
