// Reads whose answer is small: they must cost what they answer, whatever stands beside it in the store.
import type { Figure } from "./figure.ts";
import { inMs, interleave, median, ratioOf, timed, whole } from "./measure.ts";
import type { Server } from "./server.ts";
import { sizesOf, withServers } from "./stores.ts";

const GOAL = 1.3;
const AFTER_FRAMES = 10;
// Requests a round: one of some milliseconds alone would be a measurement of luck.
const REQUESTS = 5;

export const reads: Figure = {
  name: "reads",
  summary: "one topic, a wildcard over many topics, and the last frames after a cursor, in a small and a large store",
  async run(bench) {
    const { small, large, answer } = sizesOf(bench);
    await withServers(bench, [small, large], async (smallServer, largeServer) => {
      const questions: readonly (readonly [string, string, number])[] = [
        [`one topic of ${whole(answer)} frames`, "/?topic=one.topic", answer],
        [`a wildcard over ${whole(answer)} topics`, "/?topic=wide.*", answer],
        [`the last ${AFTER_FRAMES} after a cursor`, "", AFTER_FRAMES],
      ];
      for (const [figure, path, count] of questions) {
        const ask = async (server: Server): Promise<() => Promise<number>> => {
          const asked = path === "" ? `/?after=${await cursorBefore(server, AFTER_FRAMES)}` : path;
          return () => meanMs(server, asked, count);
        };
        const sides = { inSmall: await ask(smallServer), inLarge: await ask(largeServer) };
        await sides.inSmall();
        await sides.inLarge();
        const { inSmall, inLarge } = await interleave(bench.rounds * 3, sides);
        bench.report({
          figure,
          unit: `times, at ${whole(large)} frames as at ${whole(small)}`,
          reached: ratioOf(inLarge, inSmall),
          atMost: GOAL,
          detail: `${inMs(median(inLarge))}; ${inMs(median(inSmall))}`,
        });
      }
    });
  },
};

async function meanMs({ socketPath }: Server, path: string, frames: number): Promise<number> {
  const ms = await timed(async () => {
    for (let n = 0; n < REQUESTS; n++) {
      const body = Buffer.from(await (await fetch(`http://x${path}`, { unix: socketPath })).bytes());
      let lines = 0;
      for (let at = body.indexOf(10); at !== -1; at = body.indexOf(10, at + 1)) lines++;
      if (lines !== frames) throw new Error(`${path} answered ${lines} frames, not ${frames}`);
    }
  });
  return ms / REQUESTS;
}

// The id behind which exactly so many frames stand.
async function cursorBefore({ socketPath }: Server, frames: number): Promise<string> {
  const text = await (await fetch(`http://x/?last=${frames + 1}`, { unix: socketPath })).text();
  return (JSON.parse(text.split("\n", 1)[0] ?? "") as { id: string }).id;
}
