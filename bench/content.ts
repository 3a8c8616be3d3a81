// Large content in through `xs append` and out through `xs cas`, beside hashing and fsyncing the same bytes.
import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figure.ts";
import { interleave, median, memoryOf, ratioOf, timed, whole } from "./measure.ts";
import { serve } from "./server.ts";

const GOAL = 0.5;
const MEGABYTE = 1024 * 1024;

export const content: Figure = {
  name: "content",
  summary: "large content in and out, beside reading, hashing, writing and fsyncing it in one program",
  async run(bench) {
    const megabytes = bench.quick ? 64 : 1024;
    const path = join(bench.dir, "content");
    const server = await serve(bench.binary, join(bench.dir, "store"));
    let hash = "";
    let highest = 0;
    const watch = setInterval(() => (highest = Math.max(highest, memoryOf(server.pid).residentMb)), 20);
    const before = memoryOf(server.pid).residentMb;
    const rate = async (task: () => unknown): Promise<number> => megabytes / ((await timed(task)) / 1000);
    const { input, output, bound } = await interleave(bench.rounds, {
      bound: async () => {
        // New bytes each round: what is stored already would be hashed, but not kept twice.
        await writeRandom(path, megabytes);
        return rate(() => copyHashed(path, join(bench.dir, "copy")));
      },
      input: () =>
        rate(async () => {
          const child = Bun.spawn([bench.binary, "append", server.dir, "large"], {
            stdin: Bun.file(path),
            stdout: "pipe",
          });
          hash = (JSON.parse(await child.stdout.text()) as { hash: string }).hash;
        }),
      output: () =>
        hash === ""
          ? Number.NaN
          : rate(async () => {
              const child = Bun.spawn(["sh", "-c", '"$@" | wc -c', "sh", bench.binary, "cas", server.dir, hash], {
                stdout: "pipe",
              });
              const bytes = Number(await child.stdout.text());
              if (bytes !== megabytes * MEGABYTE) throw new Error(`${bytes} bytes came out of ${megabytes} MB`);
            }),
    });
    clearInterval(watch);
    await server.stop();
    const sides = [
      ["in", input],
      ["out", output],
    ] as const;
    for (const [direction, values] of sides) {
      bench.report({
        figure: `${whole(megabytes)} MB of content ${direction}`,
        unit: "of hashing and fsyncing",
        reached: ratioOf(values, bound),
        atLeast: GOAL,
        detail: `${whole(median(values))} MB/s; the bound ${whole(median(bound))} MB/s`,
      });
    }
    bench.report({
      figure: `${whole(megabytes)} MB of content`,
      unit: "MB more memory of the server meanwhile",
      reached: highest - before,
      atMost: 64,
      detail: `at most ${highest.toFixed(0)} MB`,
    });
  },
};

async function writeRandom(path: string, megabytes: number): Promise<void> {
  rmSync(path, { force: true });
  const file = openSync(path, "w");
  const block = Buffer.alloc(MEGABYTE);
  crypto.getRandomValues(new Uint8Array(block.buffer, block.byteOffset, 65_536));
  for (let n = 0; n < megabytes; n++) {
    block.writeUInt32BE(n);
    writeSync(file, block);
  }
  // Else its writing out would fall into whoever is measured first.
  fsyncSync(file);
  closeSync(file);
}

function copyHashed(from: string, to: string): void {
  const [input, output] = [openSync(from, "r"), openSync(to, "w")];
  const hasher = new Bun.CryptoHasher("sha256");
  const block = Buffer.alloc(MEGABYTE);
  for (let bytes = readSync(input, block); bytes > 0; bytes = readSync(input, block)) {
    hasher.update(block.subarray(0, bytes));
    writeSync(output, block, 0, bytes);
  }
  hasher.digest();
  fsyncSync(output);
  closeSync(input);
  closeSync(output);
  rmSync(to);
}
