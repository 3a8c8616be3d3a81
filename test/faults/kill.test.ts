// kill -9 under load: what was acknowledged is there, with its content, once and in order.
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { randomFrom } from "../support/frames.ts";
import { expectWhole, Load } from "../support/load.ts";
import { SEED, sized } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, serve } from "../support/xs.ts";

const ROUNDS = sized(5, 200);
const WRITERS = 64;
// A store of its own after so many rounds, so that a long run does not spend its time on reading all once more.
const ROUNDS_A_STORE = 20;
const LOAD_MS_MAX = 500;

test(`a server that is killed ${ROUNDS} times under ${WRITERS} writers loses nothing that it acknowledged (I1, I4, I8, C1, C2, C7, S2)`, async () => {
  const random = randomFrom(SEED);
  for (let round = 0; round < ROUNDS; round += ROUNDS_A_STORE) {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    const load = new Load();
    for (let n = 0; n < Math.min(ROUNDS_A_STORE, ROUNDS - round); n++) {
      const server = await serve(addr, ["--quiet"]);
      await load.verify(addr);
      expect(readdirSync(join(addr, "cas/tmp"))).toEqual([]);
      if (n > 0) await expectWhole(addr);
      const writers = load.start(addr, WRITERS);
      const before = load.acknowledged.size;
      while (load.acknowledged.size === before) await Bun.sleep(1);
      await Bun.sleep(random() * LOAD_MS_MAX);
      await server.kill();
      await writers.stop();
    }
    const server = await serve(addr, ["--quiet"]);
    await load.verify(addr);
    expect(await server.stop()).toBe(0);
    await expectWhole(addr);
    expect(load.acknowledged.size).toBeGreaterThan(100);
    expect([...load.refused]).toEqual([]);
    dir.remove();
  }
}, 1_200_000);

const BATCH_ROUNDS = sized(3, 30);
const BATCH_FRAMES = 500;

test(`a batch is there whole or not at all after ${BATCH_ROUNDS} kills, and whole when it was acknowledged`, async () => {
  const random = randomFrom(SEED);
  const dir = temporaryDir();
  const addr = join(dir.path, "store");
  const acknowledged = new Set<number>();
  let sent = 0;
  for (let round = 0; round < BATCH_ROUNDS; round++) {
    const server = await serve(addr, ["--quiet"]);
    let isOver = false;
    const lane = async (): Promise<void> => {
      while (!isOver) {
        const n = sent++;
        const line = (at: number): string => `{"topic":"batch.t${at % 7}","meta":${n},"content":"${n} ${at % 50}"}`;
        const drafts = Array.from({ length: BATCH_FRAMES }, (_, at) => line(at)).join("\n");
        const answer = await server.client.batch(drafts, false).catch(() => "");
        if (answer !== "") acknowledged.add(n);
      }
    };
    const lanes = Array.from({ length: 8 }, lane);
    const before = acknowledged.size;
    await eventually("a batch is acknowledged", () => acknowledged.size > before);
    await Bun.sleep(random() * LOAD_MS_MAX);
    await server.kill();
    isOver = true;
    await Promise.all(lanes);
  }
  const server = await serve(addr, ["--quiet"]);
  const stored = Map.groupBy(lines<{ meta: number }>(await ok(["cat", addr, "-T", "batch.*"])), ({ meta }) => meta);
  expect([...stored.values()].filter((frames) => frames.length !== BATCH_FRAMES)).toEqual([]);
  expect([...acknowledged].filter((n) => !stored.has(n))).toEqual([]);
  expect(await server.stop()).toBe(0);
  await expectWhole(addr);
  dir.remove();
}, 1_200_000);
