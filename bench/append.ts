// Durable appends over the socket: beside raw SQLite, and beside Redis Streams with an fsync before every answer.
import { join } from "node:path";
import type { Bench, Figure } from "./figure.ts";
import { appendPlan, type Load, load } from "./load.ts";
import { cpuMsOf, interleave, median, ratioOf, whole } from "./measure.ts";
import { original } from "./original.ts";
import { type Redis, startRedis } from "./redis.ts";
import { serve, serveBound, type Server } from "./server.ts";
import { RawStore } from "./sqlite-peer.ts";

const CONNECTIONS = [1, 16, 64, 256] as const;
const CONTENT_BYTES = 1024;
const BATCH = 16;
// Of raw SQLite's commits, at one connection: what is left for two ends of a socket and HTTP.
const GOAL_COMMITS = 0.85;
// Of Redis, which is C all the way: request for request, from 64 connections on.
const GOAL_REDIS = 0.6;
const GOAL_CONTENT = 0.5;
const WARM_MS = { quick: 700, full: 2_000 } as const;

type Bound = Pick<Server, "socketPath">;

export const append: Figure = {
  name: "append",
  summary: "durable appends/s over the unix socket, without content and with 1 KB each",
  async run(bench) {
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const redis = await startRedis(join(bench.dir, "redis"));
    const raw = new RawStore(join(bench.dir, "raw"));
    if (redis === null) bench.report({ figure: "append beside Redis", skipped: "redis-server is not installed" });
    const bound = await serveBound(join(bench.dir, "bound"));
    // A server runs for days; its first second, in which the code is still being compiled, is not what a user has.
    for (const { socketPath } of [server, bound])
      await load(appendPlan(socketPath, 64, bench.quick ? WARM_MS.quick : WARM_MS.full));
    await atOneConnection(bench, server, raw, bound);
    for (const connections of CONNECTIONS) await atConnections(bench, server, redis, bound, connections);
    for (const connections of [1, 64]) await withContent(bench, server, redis, raw, connections);
    await inBatches(bench, server, redis, bound);
    await bound.stop();
    await original(bench, server);
    raw.close();
    await redis?.stop();
    await server.stop();
  },
};

async function atOneConnection(bench: Bench, server: Server, raw: RawStore, bound: Bound): Promise<void> {
  const run = ({ socketPath }: Bound): Promise<number> =>
    load(appendPlan(socketPath, 1, bench.roundMs)).then(({ rate }) => rate);
  const { xs, sqlite, bare } = await interleave(bench.rounds, {
    xs: () => run(server),
    sqlite: () => raw.run(bench.roundMs, 1, 0),
    bare: () => run(bound),
  });
  bench.report({
    figure: "append, 1 connection",
    unit: "of raw SQLite FULL",
    reached: ratioOf(xs, sqlite),
    atLeast: GOAL_COMMITS,
    detail:
      `${whole(median(xs))}/s; SQLite ${whole(median(sqlite))}/s; Bun.serve with that commit and nothing else ` +
      `${ratioOf(bare, sqlite).toFixed(2)} of it`,
  });
}

async function atConnections(
  bench: Bench,
  server: Server,
  redis: Redis | null,
  bound: Bound,
  connections: number,
): Promise<void> {
  const loads: Load[] = [];
  const shares: number[] = [];
  const ours = async (): Promise<number> => {
    const cpu = cpuMsOf(server.pid);
    const done = await load(appendPlan(server.socketPath, connections, bench.roundMs));
    shares.push((cpuMsOf(server.pid) - cpu) / 1000 / done.seconds);
    loads.push(done);
    return done.rate;
  };
  const run = (socketPath: string, rest: object): Promise<number> =>
    load(appendPlan(socketPath, connections, bench.roundMs, rest)).then(({ rate }) => rate);
  const { xs, bare, peer } = await interleave(bench.rounds, {
    xs: ours,
    bare: () => run(bound.socketPath, {}),
    peer: () => (redis === null ? Number.NaN : run(redis.socketPath, { protocol: "redis" })),
  });
  const latency = `p50 ${median(loads.map(({ p50Ms }) => p50Ms)).toFixed(2)}, p99 ${median(loads.map(({ p99Ms }) => p99Ms)).toFixed(2)} ms`;
  const share = (values: readonly number[]): string => `${Math.round(median(values) * 100)}%`;
  bench.note(
    `${connections} connections: ${latency}; of a core the server takes ${share(shares)}, ` +
      `the generator ${share(loads.map(({ cpuShare }) => cpuShare))}`,
  );
  const detail = `${whole(median(xs))}/s; ${besides(xs, bare, peer)}`;
  bench.report({
    figure: `append, ${connections} connections`,
    ...(redis === null
      ? { unit: "of Bun.serve with such commits", reached: ratioOf(xs, bare) }
      : { unit: "of Redis Streams", reached: ratioOf(xs, peer) }),
    ...(redis !== null && connections >= 64 ? { atLeast: GOAL_REDIS } : {}),
    detail,
  });
}

async function withContent(
  bench: Bench,
  server: Server,
  redis: Redis | null,
  raw: RawStore,
  connections: number,
): Promise<void> {
  const run = (socketPath: string, rest: object): Promise<number> =>
    load(appendPlan(socketPath, connections, bench.roundMs, rest)).then(({ rate }) => rate);
  const { content, none, sqlite, peer } = await interleave(bench.rounds, {
    none: () => run(server.socketPath, {}),
    content: () => run(server.socketPath, { bytes: CONTENT_BYTES }),
    sqlite: () => raw.run(bench.roundMs, connections, CONTENT_BYTES),
    peer: () => (redis === null ? Number.NaN : run(redis.socketPath, { protocol: "redis", bytes: CONTENT_BYTES })),
  });
  bench.report({
    figure: `append of 1 KB, ${connections} connections`,
    unit: "of the rate without content",
    reached: ratioOf(content, none),
    ...(connections >= 64 ? { atLeast: GOAL_CONTENT } : {}),
    detail:
      `${whole(median(content))}/s; without ${whole(median(none))}/s; raw SQLite in groups of ${connections} ` +
      `${whole(median(sqlite))}/s; Redis ${whole(median(peer))}/s`,
  });
}

async function inBatches(bench: Bench, server: Server, redis: Redis | null, bound: Bound): Promise<void> {
  for (const connections of [1, 64]) {
    const run = (socketPath: string, rest: object): Promise<number> =>
      load(appendPlan(socketPath, connections, bench.roundMs, { batch: BATCH, ...rest })).then(({ rate }) => rate);
    const batch = { protocol: "http-batch", path: "/append" };
    const { xs, bare, peer } = await interleave(bench.rounds, {
      xs: () => run(server.socketPath, batch),
      bare: () => run(bound.socketPath, batch),
      peer: () => (redis === null ? Number.NaN : run(redis.socketPath, { protocol: "redis" })),
    });
    bench.report({
      figure: `batches of ${BATCH} (POST /append), ${connections} connections`,
      ...(redis === null
        ? { unit: "of Bun.serve with such commits", reached: ratioOf(xs, bare) }
        : { unit: "of Redis, pipelined", reached: ratioOf(xs, peer) }),
      ...(redis !== null && connections >= 64 ? { atLeast: 1 } : {}),
      detail: `${whole(median(xs))} frames/s; ${besides(xs, bare, peer)}`,
    });
  }
}

// What the peers reach in the same rounds.
function besides(xs: readonly number[], bare: readonly number[], redis: readonly number[]): string {
  const peer = Number.isNaN(redis[0]) ? "missing" : `${whole(median(redis))}/s`;
  return `Redis ${peer}; Bun.serve with such commits and nothing else ${whole(median(bare))}/s (xs reaches ${ratioOf(xs, bare).toFixed(2)} of it)`;
}
