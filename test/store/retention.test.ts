import { describe, expect, test } from "bun:test";
import type { Id } from "../../src/frame/id.ts";
import { eventually } from "../support/eventually.ts";
import { frameAt, idAt, randomFrom } from "../support/frames.ts";
import { appendAll, draft, readIds, readTopics, startReading } from "../support/read.ts";
import { withStore } from "../support/store.ts";

describe("last:n", () => {
  test("keeps the n newest of its topic at the moment of the answer, and other topics as they are", () =>
    withStore(async (store) => {
      const other = await appendAll(store, ["a.b", "b"]);
      for (let n = 0; n < 5; n++) {
        const ids = await appendAll(store, ["a"], "last:2");
        expect((await readIds(store, { topic: "a" })).slice(-1)).toEqual(ids);
        expect(await readIds(store, { topic: "a" })).toHaveLength(Math.min(2, n + 1));
      }
      expect(await readIds(store, { topic: "a.b,b" })).toEqual(other);
    }));

  test("holds for several in one commit, between forever frames and with differing n", async () => {
    // [the appends of one commit, what is left of the topic], as positions; f is forever, a number is last:n.
    const rows: [string[], number[]][] = [
      [["f", "f", "1"], [2]],
      [
        ["1", "f"],
        [0, 1],
      ],
      [
        ["f", "2", "f"],
        [0, 1, 2],
      ],
      [
        ["f", "f", "2", "f", "f"],
        [1, 2, 3, 4],
      ],
      [
        ["3", "3", "3", "3"],
        [1, 2, 3],
      ],
      [
        ["3", "1", "3"],
        [1, 2],
      ],
      [
        ["1", "3", "3"],
        [0, 1, 2],
      ],
      [
        ["5", "f", "f", "2"],
        [2, 3],
      ],
    ];
    for (const [ttls, left] of rows) {
      for (const isOneCommit of [true, false]) {
        await withStore(async (store) => {
          const ids: Id[] = [];
          const append = (ttl: string): Promise<unknown> =>
            store.append(draft("a", ttl === "f" ? "forever" : `last:${ttl}`));
          if (isOneCommit)
            await Promise.all(ttls.map(append)).then((frames) => ids.push(...frames.map((f) => (f as { id: Id }).id)));
          else for (const ttl of ttls) ids.push(((await append(ttl)) as { id: Id }).id);
          expect(await readIds(store)).toEqual(left.map((at) => ids[at] as string));
        });
      }
    }
  });

  test("is as exact in any order of appends as when it is computed by hand", () =>
    withStore(async (store) => {
      const random = randomFrom(5);
      const left = new Map<string, string[]>();
      for (let round = 0; round < 40; round++) {
        const drafts = Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
          const n = Math.floor(random() * 5);
          return { topic: random() < 0.5 ? "a" : "a.b", n };
        });
        const frames = await Promise.all(
          drafts.map(({ topic, n }) => store.append(draft(topic, n === 0 ? "forever" : `last:${n}`))),
        );
        frames.forEach(({ id }, at) => {
          const { topic, n } = drafts[at] ?? { topic: "", n: 0 };
          const ids = [...(left.get(topic) ?? []), id];
          left.set(topic, n === 0 ? ids : ids.slice(-n));
        });
        for (const [topic, ids] of left) expect(await readIds(store, { topic })).toEqual(ids);
      }
    }));

  test("does not count what has expired", () =>
    withStore(async (store, clock) => {
      const [kept] = await appendAll(store, ["a"]);
      await appendAll(store, ["a"], "time:5");
      clock.ms += 5;
      const [newest] = await appendAll(store, ["a"], "last:2");
      expect(await readIds(store, { topic: "a" })).toEqual([kept ?? "", newest ?? ""]);
    }));

  test("holds when a frame is imported into its middle or below it", () =>
    withStore(async (store, clock) => {
      clock.ms += 1_000;
      const below = idAt(clock.ms - 500);
      const ids = await appendAll(store, ["a", "a", "a"], "last:3");
      await store.import([frameAt(below, "a", "forever")]);
      expect(await readIds(store)).toEqual(ids);
      await store.import([frameAt(idAt(clock.ms - 400), "a", "last:3")]);
      expect(await readIds(store)).toEqual(ids);
      clock.ms += 10;
      const [newest] = await appendAll(store, ["a"]);
      expect(await readIds(store)).toEqual([...ids, newest ?? ""]);
      await store.import([frameAt(idAt(clock.ms - 5), "a", "last:2")]);
      expect(await readIds(store)).toEqual([ids[2] ?? "", idAt(clock.ms - 5), newest ?? ""]);
    }));

  test("holds within one import, in whatever order its frames stand", () =>
    withStore(async (store, clock) => {
      const ids = Array.from({ length: 3_000 }, (_, n) => idAt(clock.ms - 50, n));
      await store.import(ids.toReversed().map((id) => frameAt(id, "a", "last:2")));
      expect(await readIds(store)).toEqual(ids.slice(-2));
    }));

  test("holds over close and a removal in between", () =>
    withStore(async (store) => {
      const ids = await appendAll(store, ["a", "a", "a"], "last:3");
      await store.remove(ids[1] as Id);
      const more = await appendAll(store, ["a"], "last:3");
      expect(await readIds(store)).toEqual([ids[0] as Id, ids[2] as Id, ...more]);
    }));
});

describe("a time: frame", () => {
  test("is not visible on any surface from its last millisecond on", () =>
    withStore(async (store, clock) => {
      const [id] = await appendAll(store, ["a"], "time:10");
      const held = startReading(store, { new: "" });
      held.hold();
      const [late] = await appendAll(store, ["a"], "time:10");
      clock.ms += 9;
      expect(await readIds(store)).toEqual([id ?? "", late ?? ""]);
      expect(store.get(id as Id)).not.toBeNull();
      clock.ms += 1;
      expect(store.get(id as Id)).toBeNull();
      for (const topic of ["*", "a", "a,b"]) {
        expect(await readIds(store, { topic })).toEqual([]);
        expect(await readIds(store, { topic, last: "1" })).toEqual([]);
        expect(await readIds(store, { topic, from: id as Id })).toEqual([]);
      }
      await held.stop();
    }));

  test("does not reach a follower that comes to it too late", () =>
    withStore(async (store, clock) => {
      const follower = startReading(store, { new: "" });
      await appendAll(store, ["first"]);
      follower.hold();
      await follower.until(1);
      await appendAll(store, ["a"], "time:10");
      const [after] = await appendAll(store, ["z"]);
      clock.ms += 10;
      follower.resume();
      await follower.until(2);
      await follower.stop();
      expect(follower.ids()[1]).toBe(after ?? "");
    }));

  test("is removed soon after, read or not, with all others that are due", () =>
    withStore(async (store, clock) => {
      const ids = await appendAll(store, Array(2_500).fill("a"), "time:10");
      await appendAll(store, ["kept"], "time:100000");
      clock.ms += 10;
      // With the clock back they would be visible, were they still there.
      await eventually("the frames are swept", () => {
        clock.ms -= 5;
        const left = ids.filter((id) => store.get(id) !== null).length;
        clock.ms += 5;
        return left === 0;
      });
      clock.ms -= 5;
      expect(await readTopics(store)).toEqual(["kept"]);
    }));
});

test("an ephemeral frame reaches followers and is nowhere else", () =>
  withStore(async (store) => {
    const follower = startReading(store, { new: "" });
    const [id] = await appendAll(store, ["a"], "ephemeral");
    await follower.until(1);
    await follower.stop();
    expect(follower.ids()).toEqual([id ?? ""]);
    expect(store.get(id as Id)).toBeNull();
    expect(await readIds(store)).toEqual([]);
    expect(await readIds(store, { last: "1", topic: "a" })).toEqual([]);
  }));
