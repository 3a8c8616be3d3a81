// Power cuts on real file systems: what was not synced is gone, what was acknowledged is there.
import { expect } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { randomFrom } from "../support/frames.ts";
import { expectWhole, Load } from "../support/load.ts";
import { withMount } from "../support/mount.ts";
import { SEED, sized, testWith } from "../support/soak.ts";
import { serve } from "../support/xs.ts";

const CUTS = sized(1, 25);
const WRITERS = 64;
const LOAD_MS_MAX = 800;

for (const kind of ["ext4", "xfs"] as const) {
  testWith(
    ["root", { command: `mkfs.${kind}` }, { command: "xfs_io" }],
    `after a power cut on ${kind} under ${WRITERS} writers, ${CUTS} times, every acknowledged frame and its content is there (I2, I4, C1, C2)`,
    async () => {
      const random = randomFrom(SEED);
      await withMount(kind, "1G", async ({ path, cutPower, remount }) => {
        const addr = join(path, "store");
        const load = new Load(() => performance.now());
        for (let cut = 0; cut < CUTS; cut++) {
          const server = await serve(addr, ["--quiet"]);
          const writers = load.start(addr, WRITERS);
          let cutMs = 0;
          try {
            const before = load.acknowledged.size;
            while (load.acknowledged.size < before + 50) await Bun.sleep(1);
            await Bun.sleep(random() * LOAD_MS_MAX);
            cutMs = performance.now();
            await cutPower();
            // It notices with its next commit, tells it, and ends by itself.
            expect(await server.exited).toBe(6);
            await eventually("it says that the disk failed", () => server.log().includes("the disk failed"));
          } finally {
            await server.kill();
            await writers.stop();
          }
          await remount();
          const again = await serve(addr, ["--quiet"]);
          try {
            // While ext4 shuts down it answers some fsyncs with success whose data it then drops. With the power gone nobody
            // would have heard of those, so that what was acknowledged before the cut began is what counts.
            await load.verify(addr, { upTo: cutMs });
            load.forgetSince(cutMs);
            await expectWhole(addr);
          } finally {
            await again.kill();
          }
        }
        expect(load.acknowledged.size).toBeGreaterThan(CUTS * 50);
        // What is read from a file system that is going down may look damaged for that moment.
        const others = [...load.refused].filter(
          ([told, text]) => told !== "503 unavailable" && !text.includes("xs check"),
        );
        expect(others).toEqual([]);
      });
    },
  );
}
