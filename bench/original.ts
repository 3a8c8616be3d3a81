// The peer original: a binary of cross-stream that XS_ORIGINAL names, through its own socket.
import { join } from "node:path";
import type { Bench } from "./figure.ts";
import { appendPlan, load } from "./load.ts";
import { interleave, median, ratioOf, whole } from "./measure.ts";
import { serve, type Server } from "./server.ts";

/** Appends at 1 and 64 connections beside the original; its durability is whatever it has by default. */
export async function original(bench: Bench, server: Server): Promise<void> {
  const binary = process.env["XS_ORIGINAL"];
  if (!binary) {
    return bench.report({ figure: "append beside the original", skipped: "XS_ORIGINAL names no binary of it" });
  }
  const peer = await serve(binary, join(bench.dir, "original"));
  for (const connections of [1, 64]) {
    const run = ({ socketPath }: Server): Promise<number> =>
      load(appendPlan(socketPath, connections, bench.roundMs)).then(({ rate }) => rate);
    const { xs, other } = await interleave(bench.rounds, { xs: () => run(server), other: () => run(peer) });
    bench.report({
      figure: `append, ${connections} connections`,
      unit: "of the original (its own durability)",
      reached: ratioOf(xs, other),
      detail: `${whole(median(xs))}/s; the original ${whole(median(other))}/s`,
    });
  }
  await peer.stop();
}
