// Stores of a given size, filled once a run and used by every figure that needs one.
//
// Whatever the size, a store holds the same two answers, spread evenly over it: ANSWER frames of topic `one.topic`, and
// ANSWER frames under `wide.*`, each of a topic of its own. The rest are of 1,000 topics under `rest`.
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Bench } from "./figure.ts";
import { fill, serve, type Server } from "./server.ts";

const REST_TOPICS = 1_000;

/** The two sizes that are compared, and how many frames each answer has. */
export const sizesOf = ({ quick }: Bench): { small: number; large: number; answer: number } =>
  quick ? { small: 20_000, large: 200_000, answer: 2_000 } : { small: 100_000, large: 1_000_000, answer: 10_000 };

/** The directory of a store with so many frames, which nobody serves. */
export async function storeOf(bench: Bench, count: number): Promise<string> {
  const dir = join(bench.sharedDir, `frames-${count}`);
  if (existsSync(dir)) return dir;
  const filling = `${dir}.filling`;
  const server = await serve(bench.binary, filling);
  await fill(bench, server, count, topicsOf(count, sizesOf(bench).answer));
  await server.stop();
  renameSync(filling, dir);
  return dir;
}

function topicsOf(count: number, answer: number): (n: number) => string {
  const every = Math.max(2, Math.floor(count / answer));
  return (n) => {
    if (n % every === 0) return "one.topic";
    if (n % every === 1) return `wide.t${Math.floor(n / every)}`;
    return `rest.r${n % REST_TOPICS}`;
  };
}

/** Serves a store of each of two sizes for the time of a task. */
export async function withServers<T>(
  bench: Bench,
  sizes: readonly [number, number],
  task: (small: Server, large: Server) => Promise<T>,
): Promise<T> {
  const [smallDir, largeDir] = [await storeOf(bench, sizes[0]), await storeOf(bench, sizes[1])];
  const small = await serve(bench.binary, smallDir);
  const large = await serve(bench.binary, largeDir);
  try {
    return await task(small, large);
  } finally {
    await small.stop();
    await large.stop();
  }
}
