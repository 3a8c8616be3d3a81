import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { openStore } from "../../src/store/store.ts";
import { frameAt, idAt } from "../support/frames.ts";
import { appendAll, draft, readIds, readLines, readTopics, startReading } from "../support/read.ts";
import { temporaryDir, withStore } from "../support/store.ts";

describe("a store", () => {
  test("answers a frame as it stores it, with its meta as text", () =>
    withStore(async (store) => {
      const meta = '{"2":1,"1":1.0,"n":9007199254740993,"s":"\\u00e9"}';
      const frame = await store.append(draft("a.b", "last:3", meta));
      const [line] = await readLines(store);
      expect(line).toBe(`{"topic":"a.b","id":"${frame.id}","hash":null,"meta":${meta},"ttl":"last:3"}`);
      expect(store.get(frame.id)).toBe(line ?? null);
      expect(store.get(idAt(1))).toBeNull();
    }));

  test("comes back as it was after it was closed and opened", async () => {
    const dir = temporaryDir();
    let store = openStore(dir.path);
    const ids = await appendAll(store, ["a", "a.b", "b"]);
    await store.import([frameAt(idAt(1_000), "old")]);
    await store.close();
    store = openStore(dir.path);
    expect(await readIds(store)).toEqual([idAt(1_000), ...ids]);
    expect(await readTopics(store, { topic: "a.*,old" })).toEqual(["old", "a.b"]);
    await store.close();
    dir.remove();
  });

  test("finishes what was accepted before it closes, and refuses what comes later", async () => {
    const dir = temporaryDir();
    let store = openStore(dir.path);
    const accepted = appendAll(store, Array(100).fill("a"));
    await store.close();
    expect(await accepted).toHaveLength(100);
    await expect(store.append(draft("a"))).rejects.toMatchObject({ code: "unavailable" });
    store = openStore(dir.path);
    expect(await readIds(store)).toHaveLength(100);
    await store.close();
    dir.remove();
  });

  test(
    "has its log bounded while it is written",
    () =>
      withStore(async (store) => {
        for (let round = 0; round < 40; round++) {
          await Promise.all(
            Array.from({ length: 100 }, () => store.append(draft("a", "last:10", `"${"x".repeat(10_000)}"`))),
          );
        }
        expect(statSync(`${store.dir}/store.db-wal`).size).toBeLessThan(40 * 1024 * 1024);
        expect(await readIds(store)).toHaveLength(10);
      }),
    20_000,
  );

  test("is not opened where a file stands", () => {
    const dir = temporaryDir();
    writeFileSync(`${dir.path}/file`, "");
    expect(() => openStore(`${dir.path}/file`)).toThrow("is not a directory");
    dir.remove();
  });

  test("clears what a crash left of content on its way in", async () => {
    const dir = temporaryDir();
    await openStore(dir.path).close();
    writeFileSync(`${dir.path}/cas/tmp/7`, "half");
    const store = openStore(dir.path);
    expect(readdirSync(`${dir.path}/cas/tmp`)).toEqual([]);
    await store.close();
    dir.remove();
  });

  test("tells its followers nothing of a refused import, and lets go of content whose append failed", () =>
    withStore(async (store, clock) => {
      const [id] = await appendAll(store, ["a"]);
      const follower = startReading(store, { new: "" });
      await expect(store.import([frameAt(idAt(clock.ms - 1)), frameAt(id ?? idAt(0), "b")])).rejects.toThrow("taken");
      const [next] = await appendAll(store, ["z"]);
      await follower.until(1);
      await follower.stop();
      expect(follower.ids()).toEqual([next ?? ""]);
    }));

  test.skipIf(process.getuid?.() === 0)("that cannot write says so, and stores again when it can", () =>
    withStore(async (store) => {
      const large = async function* (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(100_000);
      };
      chmodSync(`${store.dir}/cas/tmp`, 0o500);
      await expect(store.take(large())).rejects.toMatchObject({ code: "unavailable" });
      chmodSync(`${store.dir}/cas/tmp`, 0o700);
      const content = await store.take(large());
      await store.append(draft("a"), content);
      expect(existsSync(`${store.dir}/cas`)).toBe(true);
    }),
  );
});
