// Power cuts in detail: a recorded run is cut at any change, and what was not synced by then is dropped, reordered or torn.
import { expect } from "bun:test";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Disk, LOSSES } from "../support/disk.ts";
import { randomFrom } from "../support/frames.ts";
import { expectWhole, Load } from "../support/load.ts";
import { shimEnv } from "../support/shim.ts";
import { SEED, sized, testWith } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";
import { ok, serve } from "../support/xs.ts";

const IMAGES = sized(20, 500);
const RELAXED_IMAGES = sized(4, 100);
const WRITERS = 64;
const APPENDS_A_RUN = sized(100, 300);

/** A run with an orderly stop, a kill and the starts after them; answers the path of its journal. */
async function record(
  dir: string,
  flags: readonly string[],
): Promise<{ readonly journal: string; readonly load: Load }> {
  const [store, journal] = [join(dir, "store"), join(dir, "journal")];
  const env = await shimEnv(store, { journal });
  const load = new Load(() => statSync(journal).size);
  for (const end of ["stop", "kill", "stop"] as const) {
    const server = await serve(store, ["--quiet", ...flags], env);
    try {
      const writers = load.start(store, WRITERS);
      const before = load.acknowledged.size;
      while (load.acknowledged.size < before + APPENDS_A_RUN) await Bun.sleep(1);
      if (end === "stop") await writers.stop();
      await ok(["gc", store]).catch(() => undefined);
      if (end === "stop") expect(await server.stop()).toBe(0);
      await server.kill();
      await writers.stop();
    } finally {
      await server.kill();
    }
  }
  return { journal, load };
}

async function forEachImage(
  count: number,
  flags: readonly string[],
  check: (image: string, load: Load, position: number) => Promise<void>,
): Promise<void> {
  const dir = temporaryDir();
  try {
    const { journal, load } = await record(dir.path, flags);
    const random = randomFrom(SEED);
    const disk = new Disk(join(dir.path, "store"), journal);
    const positions = Array.from({ length: count }, () => Math.floor(random() * disk.length)).toSorted((a, b) => a - b);
    for (const [n, position] of positions.entries()) {
      const loss = LOSSES[n % LOSSES.length] ?? "all";
      const image = join(dir.path, `image-${n}`);
      disk.advance(position);
      disk.writeImage(image, loss, random);
      try {
        await check(image, load, position);
      } catch (error) {
        throw new Error(
          `image ${n} of XS_SEED=${SEED}, cut at ${position} of ${disk.length}, "${loss}" of what was not synced kept back: ${(error as Error).message}`,
        );
      }
      rmSync(image, { recursive: true, force: true });
    }
  } finally {
    dir.remove();
  }
}

testWith(
  ["gcc and seccomp"],
  `${IMAGES} disks on which writes after the last sync are dropped, reordered or torn open with every acknowledged frame and its content (I2, C1, C2, S2)`,
  () =>
    forEachImage(IMAGES, [], async (image, load, position) => {
      const server = await serve(image, ["--quiet"]);
      try {
        await load.verify(image, { upTo: position });
        await expectWhole(image);
      } finally {
        await server.kill();
      }
    }),
);

for (const mode of ["interval:50", "never"]) {
  testWith(
    ["gcc and seccomp"],
    `with --fsync ${mode}, ${RELAXED_IMAGES} such disks open with a clean prefix, and no frame misses its content (I2, C1)`,
    () =>
      forEachImage(RELAXED_IMAGES, ["--fsync", mode], async (image, load) => {
        const server = await serve(image, ["--quiet"]);
        try {
          // Nothing need be there, but what is there is right, in order, and with its content.
          const frames = await load.verify(image, { upTo: -1 });
          const newest = frames.filter(({ topic }) => topic.startsWith("w.")).at(-1)?.id ?? "";
          const stored = new Set(frames.map(({ id }) => id));
          const missing = [...load.acknowledged.values()].filter(
            ({ id, ttl }) => id < newest && !ttl?.startsWith("last:") && !stored.has(id),
          );
          if (missing.length > 0) throw new Error(`I2: ${newest} is there, but not ${missing[0]?.line}`);
          await expectWhole(image);
        } finally {
          await server.kill();
        }
      }),
  );
}
