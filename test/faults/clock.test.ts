// A clock that steps back: ids go on from where they were.
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expectWhole, Load } from "../support/load.ts";
import { FAKETIME, testWith } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";
import { serve } from "../support/xs.ts";

testWith(
  ["libfaketime"],
  "when the clock steps back an hour, while the server runs and between two of its runs, ids still grow (I4)",
  async () => {
    const dir = temporaryDir();
    const [addr, clock] = [join(dir.path, "store"), join(dir.path, "clock")];
    const env = {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
    const load = new Load();
    const ids: string[] = [];
    const append = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) ids.push((await load.append(addr, "a", `${n}`))?.id ?? "");
    };
    for (const [before, after] of [
      ["+0", "-1h"],
      ["-2h", "-1d"],
      ["+30m", "-1h"],
    ] as const) {
      writeFileSync(clock, before);
      const server = await serve(addr, ["--quiet"], env);
      try {
        await append(20);
        writeFileSync(clock, after);
        await append(20);
      } finally {
        await server.kill();
      }
    }
    const server = await serve(addr, ["--quiet"]);
    try {
      await append(5);
      expect(ids).toEqual([...new Set(ids)].toSorted());
      await load.verify(addr);
      await expectWhole(addr);
    } finally {
      await server.kill();
      dir.remove();
    }
  },
);
