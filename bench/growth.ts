// Growth: what an append, a head and the start of a follow cost in a store of any size.
import type { Bench, Figure } from "./figure.ts";
import { appendPlan, load } from "./load.ts";
import { inMs, interleave, median, ratioOf, whole } from "./measure.ts";
import type { Server } from "./server.ts";
import { Connection } from "./socket.ts";
import { withServers } from "./stores.ts";

const GOAL = 1.2;
const STARTS = 50;

export const growth: Figure = {
  name: "growth",
  summary: "append, head and follow-start in a small store and in one a thousand times larger (quick: ten times)",
  async run(bench) {
    const [small, large] = bench.quick ? ([20_000, 200_000] as const) : ([10_000, 10_000_000] as const);
    await withServers(bench, [small, large], async (smallServer, largeServer) => {
      await compare(bench, "append", smallServer, largeServer, [small, large], (server) =>
        usOfRequest(bench, server, {}),
      );
      await compare(bench, "head", smallServer, largeServer, [small, large], (server) =>
        usOfRequest(bench, server, { method: "GET", path: "/head/one.topic" }),
      );
      await compare(bench, "follow-start", smallServer, largeServer, [small, large], (server) => usOfStart(server));
    });
  },
};

async function compare(
  bench: Bench,
  figure: string,
  small: Server,
  large: Server,
  sizes: readonly [number, number],
  measure: (server: Server) => Promise<number>,
): Promise<void> {
  await measure(small);
  await measure(large);
  const { inSmall, inLarge } = await interleave(bench.rounds, {
    inSmall: () => measure(small),
    inLarge: () => measure(large),
  });
  bench.report({
    figure,
    unit: `times, at ${whole(sizes[1])} frames as at ${whole(sizes[0])}`,
    reached: ratioOf(inLarge, inSmall),
    atMost: GOAL,
    detail: `${inMs(median(inLarge) / 1000)}; ${inMs(median(inSmall) / 1000)}`,
  });
}

async function usOfRequest(bench: Bench, { socketPath }: Server, rest: object): Promise<number> {
  const { rate } = await load(appendPlan(socketPath, 1, bench.roundMs, rest));
  return 1e6 / rate;
}

// From the request to the threshold, behind the ten newest frames of a topic.
async function usOfStart({ socketPath }: Server): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    const connection = await new Connection(socketPath).open();
    const { promise, resolve } = Promise.withResolvers<void>();
    const start = performance.now();
    connection.stream("/?follow&last=10&topic=one.topic", (chunk) => {
      if (chunk.includes('"xs.threshold"')) resolve();
    });
    await promise;
    times.push((performance.now() - start) * 1000);
    connection.close();
  }
  return median(times);
}
