import { describe, expect, test } from "bun:test";
import { packId, timeOf } from "../../src/frame/id.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { frameAt, idAt } from "../support/frames.ts";
import { appendAll, draft, readIds, readTopics, startReading } from "../support/read.ts";
import { temporaryDir, withStore } from "../support/store.ts";

/** Opens a store again and again in one directory; `crash` leaves it as a killed server would, but for the lock. */
async function withReopening(test: (open: () => Store, clock: { ms: number }) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  const clock = { ms: Date.now() };
  try {
    await test(() => openStore(dir.path, { now: () => clock.ms }), clock);
  } finally {
    dir.remove();
  }
}

const isIncreasing = (ids: readonly string[]): boolean => ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? ""));

describe("ids increase strictly", () => {
  test("within one millisecond and when the clock goes back an hour", () =>
    withStore(async (store, clock) => {
      const ids = await appendAll(store, Array(100).fill("a"));
      clock.ms -= 3_600_000;
      ids.push(...(await appendAll(store, Array(100).fill("a"))));
      clock.ms += 7_200_000;
      ids.push(...(await appendAll(store, ["a"])));
      expect(isIncreasing(ids)).toBe(true);
      expect(timeOf(ids.at(-1) ?? packId(0, ""))).toBe(clock.ms);
      expect(await readIds(store)).toEqual(ids);
    }));

  test("over close and open, with the clock behind", () =>
    withReopening(async (open, clock) => {
      const ids: string[] = [];
      for (let round = 0; round < 3; round++) {
        const store = open();
        ids.push(...(await appendAll(store, ["a", "a"])));
        await store.close();
        clock.ms -= 3_600_000;
      }
      expect(isIncreasing(ids)).toBe(true);
    }));

  test("after the newest frame was removed and the store opened again", () =>
    withReopening(async (open, clock) => {
      let store = open();
      const [, newest] = await appendAll(store, ["a", "b"]);
      await store.remove(newest ?? packId(0, ""));
      await store.close();
      clock.ms -= 3_600_000;
      store = open();
      const [next] = await appendAll(store, ["c"]);
      await store.close();
      expect((next ?? "") > (newest ?? "")).toBe(true);
    }));

  test("after ephemeral frames, also when the server was killed and a later frame removed", () =>
    withReopening(async (open, clock) => {
      let store = open();
      const ids = await appendAll(store, ["e"], "ephemeral");
      clock.ms += 10;
      const [gone] = await appendAll(store, ["gone"]);
      await store.remove(gone ?? packId(0, ""));
      clock.ms += 400;
      ids.push(...(await appendAll(store, ["e"], "ephemeral")));
      // A close notes the newest id; what a killed server had noted is in the copy.
      const copy = temporaryDir();
      Bun.spawnSync(["cp", "-r", `${store.dir}/.`, copy.path]);
      await store.close();
      clock.ms -= 100;
      store = openStore(copy.path, { now: () => clock.ms });
      ids.push(...(await appendAll(store, ["a"])));
      await store.close();
      copy.remove();
      expect(isIncreasing(ids)).toBe(true);
    }));

  test("after an orderly end they go on from the clock, not from what was noted ahead", () =>
    withReopening(async (open, clock) => {
      let store = open();
      await appendAll(store, ["e"], "ephemeral");
      await store.close();
      clock.ms += 1;
      store = open();
      const [id] = await appendAll(store, ["a"]);
      await store.close();
      expect(timeOf(id ?? packId(0, ""))).toBe(clock.ms);
    }));

  test("when the randomness of a millisecond is used up", () =>
    withStore(async (store, clock) => {
      const full = packId(clock.ms, "ZZZZZZZZZZZZZZZY");
      await store.import([frameAt(full)]);
      const ids = await appendAll(store, ["a", "a", "a"]);
      expect(isIncreasing([full, ...ids])).toBe(true);
      expect(await readIds(store)).toEqual([full, ...ids]);
    }));

  test("past the ids of the markers that a follower got", () =>
    withStore(async (store, clock) => {
      clock.ms += 1_000;
      const follower = startReading(store);
      await follower.until(1);
      clock.ms -= 500;
      const [id] = await appendAll(store, ["a"]);
      await follower.until(2);
      await follower.stop();
      expect(timeOf(id ?? packId(0, ""))).toBe(clock.ms + 500);
    }));
});

describe("an import", () => {
  test("keeps ids, takes their place in history, and is the same when it is sent again", () =>
    withStore(async (store, clock) => {
      const frames = [3, 1, 2].map((n) => frameAt(idAt(clock.ms - 100 * n), "old"));
      const [own] = await appendAll(store, ["new"]);
      expect(await store.import(frames)).toEqual({ imported: 3, existing: 0, expired: 0 });
      expect(await store.import(frames)).toEqual({ imported: 0, existing: 3, expired: 0 });
      expect(await readIds(store)).toEqual([...frames.map(({ id }) => id).sort(), own ?? ""]);
    }));

  test("that names an id which another frame has is refused whole, in the store and in itself", () =>
    withStore(async (store, clock) => {
      const [id] = await appendAll(store, ["a", "b"]);
      const fresh = idAt(clock.ms - 50);
      await expect(store.import([frameAt(fresh), frameAt(id ?? fresh, "other")])).rejects.toMatchObject({
        code: "conflict",
      });
      for (const at of [clock.ms - 50, clock.ms + 50]) {
        const twice = idAt(at);
        await expect(store.import([frameAt(twice, "x"), frameAt(twice, "y")])).rejects.toMatchObject({
          code: "conflict",
        });
      }
      expect(await readTopics(store)).toEqual(["a", "b"]);
    }));

  test("that names the same frame twice holds it once", () =>
    withStore(async (store, clock) => {
      await appendAll(store, ["a"]);
      for (const at of [clock.ms - 50, clock.ms + 50]) {
        const frame = frameAt(idAt(at));
        expect(await store.import([frame, frame])).toMatchObject({ imported: 1, existing: 1 });
      }
    }));

  test.each([
    ["an id from beyond a minute ahead", (ms: number) => frameAt(idAt(ms + 60_001)), "from the future"],
    ["an ephemeral frame", (ms: number) => frameAt(idAt(ms - 1), "a", "ephemeral"), "ephemeral"],
    [
      "content that is not there",
      (ms: number) => frameAt(idAt(ms - 1), "a", "forever", "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="),
      "not in this store",
    ],
  ])("with %s is refused whole", (_, bad, why) =>
    withStore(async (store, clock) => {
      const good = frameAt(idAt(clock.ms - 500));
      await expect(store.import([good, bad(clock.ms)])).rejects.toThrow(why);
      expect(await readIds(store)).toEqual([]);
    }),
  );

  test("of an id up to a minute ahead is taken, and later ids lie above it", () =>
    withStore(async (store, clock) => {
      const ahead = idAt(clock.ms + 60_000);
      await store.import([frameAt(ahead)]);
      const [id] = await appendAll(store, ["a"]);
      expect((id ?? "") > ahead).toBe(true);
    }));

  test("of a frame whose time is over stores nothing and says so", () =>
    withStore(async (store, clock) => {
      const frame = frameAt(idAt(clock.ms - 500), "a", "time:400");
      expect(await store.import([frame])).toEqual({ imported: 0, existing: 0, expired: 1 });
      expect(await readIds(store)).toEqual([]);
    }));

  test("that is refused leaves the appends of the same commit standing", () =>
    withStore(async (store, clock) => {
      const [id] = await appendAll(store, ["a.b"]);
      const append = (topic: string): Promise<unknown> => store.append(draft(topic, "last:2"));
      const refused = store.import([frameAt(idAt(clock.ms - 9), "new.topic"), frameAt(id ?? idAt(0), "x")]);
      const outcomes = await Promise.allSettled([
        append("a.b"),
        append("a.b"),
        refused,
        append("new.topic"),
        store.import([frameAt(idAt(clock.ms - 7), "c")]),
        append("a.b"),
      ]);
      expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual([true, true, false, true, true, true]);
      expect(await readTopics(store)).toEqual(["c", "a.b", "new.topic", "a.b"]);
      expect(await readTopics(store, { topic: "new.*,a.*" })).toEqual(["a.b", "new.topic", "a.b"]);
    }));
});

test("a refused import leaves no trace: neither in the ids to come nor in the paths of its topics", () =>
  withReopening(async (open, clock) => {
    let store = open();
    const [id] = await appendAll(store, ["a"]);
    const frames = [frameAt(id ?? idAt(0), "x"), frameAt(idAt(clock.ms - 9), "new.topic")];
    await expect(store.import(frames)).rejects.toThrow("taken");
    const ahead = idAt(clock.ms + 30_000);
    await expect(store.import([frameAt(ahead, "new.topic"), frameAt(ahead, "b")])).rejects.toThrow("taken");
    clock.ms += 1;
    const [next] = await appendAll(store, ["new.topic"]);
    expect(timeOf(next ?? idAt(0))).toBe(clock.ms);
    await store.close();
    store = open();
    for (const topic of ["new.topic", "new.*"]) expect(await readIds(store, { topic })).toEqual([next ?? ""]);
    await store.close();
  }));

test("a frame that was removed is gone from every surface, and removing it again says that it was not there", () =>
  withStore(async (store) => {
    const [a, b] = await appendAll(store, ["a.x", "a.x"]);
    expect(await store.remove(a ?? idAt(0))).toBe(true);
    expect(await store.remove(a ?? idAt(0))).toBe(false);
    expect(store.get(a ?? idAt(0))).toBeNull();
    for (const topic of ["*", "a.x", "a.*", "a.x,a.*"]) expect(await readIds(store, { topic })).toEqual([b ?? ""]);
  }));
