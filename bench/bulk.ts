// Bulk: importing many frames, and printing them all again.
import { join } from "node:path";
import type { Bench, Figure } from "./figure.ts";
import { newFrames } from "./frames.ts";
import { interleave, median, ratioOf, timed, whole } from "./measure.ts";
import { serve } from "./server.ts";
import { RawStore } from "./sqlite-peer.ts";
import { sizesOf, storeOf } from "./stores.ts";

const IMPORTED_PER_S = 200_000;
const PRINTED_PER_S = 2_000_000;
// Of the time that SQLite itself needs to produce the bytes.
const PRINTED_BESIDE_SQLITE = 1.3;
// As in src/http/import.ts: what one transaction takes.
const CHUNK_FRAMES = 16_384;
const TOPICS = 100;

export const bulk: Figure = {
  name: "import",
  summary: "frames/s through `xs import` from a file",
  async run(bench) {
    const count = bench.quick ? 50_000 : 1_000_000;
    const path = join(bench.dir, "frames.jsonl");
    await Bun.write(path, new Response(newFrames(count, (n) => `bulk.b${n % TOPICS}`)));
    const raw = new RawStore(join(bench.dir, "raw"));
    let round = 0;
    const { xs, sqlite } = await interleave(bench.rounds, {
      xs: async () => {
        // Each time into an empty store, for what is there already is passed over.
        const server = await serve(bench.binary, join(bench.dir, `store-${round++}`));
        const ms = await timed(async () => {
          const child = Bun.spawn([bench.binary, "import", server.dir], { stdin: Bun.file(path), stdout: "pipe" });
          const answer = await child.stdout.text();
          if (!answer.startsWith(`{"imported":${count},`)) throw new Error(`the import answered: ${answer}`);
        });
        await server.stop();
        return (count * 1000) / ms;
      },
      sqlite: () => raw.run(bench.roundMs, CHUNK_FRAMES, 0),
    });
    raw.close();
    bench.report({
      figure: `xs import of ${whole(count)} frames`,
      unit: "frames/s",
      reached: median(xs),
      atLeast: IMPORTED_PER_S,
      detail: `${ratioOf(xs, sqlite).toFixed(2)} of raw SQLite in the same transactions (${whole(median(sqlite))}/s)`,
    });
  },
};

export const cat: Figure = {
  name: "cat",
  summary: "frames/s through `xs cat` to a pipe, beside SQLite alone producing the same bytes",
  async run(bench) {
    const { large } = sizesOf(bench);
    const dir = await storeOf(bench, large);
    const server = await serve(bench.binary, dir);
    const bytes = new Set<number>();
    const seconds = async (command: readonly string[]): Promise<number> => {
      let out = "";
      const ms = await timed(async () => {
        // `wc -c` reads the pipe as fast as anything can, and says how much came.
        const child = Bun.spawn(["sh", "-c", '"$@" | wc -c', "sh", ...command], { stdout: "pipe" });
        out = await child.stdout.text();
      });
      bytes.add(Number(out));
      return ms / 1000;
    };
    const { xs, sqlite } = await interleave(bench.rounds, {
      xs: () => seconds([bench.binary, "cat", dir]),
      sqlite: () => seconds([process.execPath, join(import.meta.dir, "sqlite-cat.ts"), dir]),
    });
    await server.stop();
    if (bytes.size !== 1) throw new Error(`the same frames have ${[...bytes].join(" and ")} bytes`);
    report(bench, large, xs, sqlite);
  },
};

function report(bench: Bench, count: number, xs: readonly number[], sqlite: readonly number[]): void {
  bench.report({
    figure: `xs cat of ${whole(count)} frames`,
    unit: "frames/s",
    reached: count / median(xs),
    // The start of the process counts, and in a short run it counts for most.
    ...(bench.quick ? {} : { atLeast: PRINTED_PER_S }),
    detail: `${median(xs).toFixed(2)} s`,
  });
  bench.report({
    figure: `xs cat of ${whole(count)} frames`,
    unit: "times SQLite's own time",
    reached: ratioOf(xs, sqlite),
    atMost: PRINTED_BESIDE_SQLITE,
    detail: `${median(xs).toFixed(2)} s; SQLite ${median(sqlite).toFixed(2)} s`,
  });
}
