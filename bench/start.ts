// The server at rest: how soon it answers on a large store, and how much memory it holds then.
import { join } from "node:path";
import type { Figure } from "./figure.ts";
import { inMs, interleave, median, memoryOf, timed, whole } from "./measure.ts";
import { serve } from "./server.ts";
import { sizesOf, storeOf } from "./stores.ts";

const GOAL_MORE_MS = 100;
const GOAL_MB = 80;
// The larger store may hold so much more at rest: pages that it happened to read.
const GOAL_MORE_TIMES = 1.1;
// Until it is at rest: what the start has left behind is collected by then.
const REST_MS = { quick: 150, full: 1_000 } as const;

export const start: Figure = {
  name: "start",
  summary: "time until a server answers, and its memory at rest, on an empty and on a large store",
  async run(bench) {
    const { large } = sizesOf(bench);
    const memory: Record<"empty" | "full", number[]> = { empty: [], full: [] };
    const own: number[] = [];
    const readyMs = async (dir: string, kind: "empty" | "full"): Promise<number> => {
      let server = null as Awaited<ReturnType<typeof serve>> | null;
      const ms = await timed(async () => (server = await serve(bench.binary, dir)));
      if (server === null) return Number.NaN;
      await Bun.sleep(bench.quick ? REST_MS.quick : REST_MS.full);
      const { residentMb, ownMb } = memoryOf(server.pid);
      memory[kind].push(residentMb);
      own.push(ownMb);
      await server.stop();
      return ms;
    };
    const dir = await storeOf(bench, large);
    await readyMs(join(bench.dir, "empty"), "empty");
    const { empty, full } = await interleave(bench.rounds, {
      empty: () => readyMs(join(bench.dir, "empty"), "empty"),
      full: () => readyMs(dir, "full"),
    });
    const more = median(full.map((ms, round) => ms - (empty[round] ?? Number.NaN)));
    const figure = `a server on ${whole(large)} frames`;
    bench.report({
      figure,
      unit: "ms later than on none",
      reached: more,
      atMost: GOAL_MORE_MS,
      detail: `answers after ${inMs(median(full))}; on an empty store after ${inMs(median(empty))}`,
    });
    bench.report({
      figure,
      unit: "MB at rest",
      reached: median(memory.full),
      atMost: GOAL_MB,
      detail: `of it ${median(own).toFixed(0)} MB its own, the rest the binary's file`,
    });
    bench.report({
      figure,
      unit: "times the memory on none",
      reached: median(memory.full) / median(memory.empty),
      atMost: GOAL_MORE_TIMES,
      detail: `${median(memory.full).toFixed(0)} MB; ${median(memory.empty).toFixed(0)} MB`,
    });
  },
};
