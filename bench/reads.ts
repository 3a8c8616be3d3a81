// Reads whose answer is small: they must cost what they answer, whatever stands beside it in the store.
import { ID_MIN } from "../src/frame/id.ts";
import { parseTopicFilter } from "../src/frame/topic.ts";
import { Frames } from "../src/store/frames.ts";
import { type Cursor, Pages } from "../src/store/pages.ts";
import { openDatabaseReadOnly } from "../src/store/schema.ts";
import type { Figure } from "./figure.ts";
import { inMs, interleave, median, ratioOf, timed, whole } from "./measure.ts";
import type { Server } from "./server.ts";
import { sizesOf, withServers } from "./stores.ts";

const GOAL = 1.3;
const AFTER_FRAMES = 10;
// Requests a round: one of some milliseconds alone would be a measurement of luck.
const REQUESTS = 5;
const ROWS_A_PAGE = 2_048;

export const reads: Figure = {
  name: "reads",
  summary: "one topic, a wildcard over many topics, and the last frames after a cursor, in a small and a large store",
  async run(bench) {
    const { small, large, answer } = sizesOf(bench);
    await withServers(bench, [small, large], async (smallServer, largeServer) => {
      const questions: readonly (readonly [string, string | null, number])[] = [
        [`one topic of ${whole(answer)} frames`, "one.topic", answer],
        [`a wildcard over ${whole(answer)} topics`, "wide.*", answer],
        [`the last ${AFTER_FRAMES} after a cursor`, null, AFTER_FRAMES],
      ];
      for (const [figure, topic, count] of questions) {
        const ask = async (server: Server): Promise<() => Promise<number>> => {
          const asked = topic === null ? `/?after=${await cursorBefore(server, AFTER_FRAMES)}` : `/?topic=${topic}`;
          return () => meanMs(server, asked, count);
        };
        const alone = ({ dir }: Server): (() => number) => (topic === null ? () => Number.NaN : sqliteMs(dir, topic));
        const sides = {
          inSmall: await ask(smallServer),
          inLarge: await ask(largeServer),
          aloneInSmall: alone(smallServer),
          aloneInLarge: alone(largeServer),
        };
        for (const side of Object.values(sides)) await side();
        const { inSmall, inLarge, aloneInSmall, aloneInLarge } = await interleave(bench.rounds * 3, sides);
        const peer = topic === null ? "" : `; SQLite alone ${ratioOf(aloneInLarge, aloneInSmall).toFixed(2)} times`;
        bench.report({
          figure,
          unit: `times, at ${whole(large)} frames as at ${whole(small)}`,
          reached: ratioOf(inLarge, inSmall),
          atMost: GOAL,
          detail: `${inMs(median(inLarge))}; ${inMs(median(inSmall))}${peer}`,
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

// The same frames by the same statements, with nothing around SQLite: where the pages of an answer no longer fit into its cache,
// each costs a read from the kernel's.
function sqliteMs(dir: string, topic: string): () => number {
  const db = openDatabaseReadOnly(dir);
  const pages = new Pages(db, new Frames(db));
  const filter = parseTopicFilter(topic);
  return () => {
    const start = performance.now();
    let cursor: Cursor = { id: ID_MIN, inclusive: true };
    let page = pages.next(filter, cursor, null, ROWS_A_PAGE, Date.now());
    while (page !== null) {
      cursor = { id: page.lastId, inclusive: false };
      page = pages.next(filter, cursor, null, ROWS_A_PAGE, Date.now());
    }
    return performance.now() - start;
  };
}

// The id behind which exactly so many frames stand.
async function cursorBefore({ socketPath }: Server, frames: number): Promise<string> {
  const text = await (await fetch(`http://x/?last=${frames + 1}`, { unix: socketPath })).text();
  return (JSON.parse(text.split("\n", 1)[0] ?? "") as { id: string }).id;
}
