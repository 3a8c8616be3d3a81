import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Id } from "../../src/frame/id.ts";
import { naturalPosition, seek } from "../../src/store/position.ts";
import { frameAt, idAt, randomFrom, shuffled } from "../support/frames.ts";
import { appendAll, readIds } from "../support/read.ts";
import { withStore } from "../support/store.ts";

const NOW_MS = 1_800_000_000_000;

describe("a position", () => {
  test("of a later millisecond lies above, and leaves room for the frames of its own", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 41 }), fc.integer({ min: 1, max: 1_000 }), (ms, more) => {
        expect(naturalPosition(idAt(ms + more)) - naturalPosition(idAt(ms))).toBe(4_096 * more);
      }),
    );
  });

  test("is an exact integer for every id that there can be", () => {
    for (const ms of [0, NOW_MS, 281_474_976_710_655])
      expect(Number.isSafeInteger(naturalPosition(idAt(ms)))).toBe(true);
  });
});

test("seek finds the first frame from an id on, however far frames have been pushed up", () => {
  const frames = fc.array(fc.record({ ms: fc.nat(3), n: fc.nat(9_999), gap: fc.nat(3) }), { maxLength: 200 });
  fc.assert(
    fc.property(frames, fc.nat(4), fc.nat(9_999), (rows, ms, n) => {
      const table: { pos: number; id: Id }[] = [];
      for (const id of [...new Set(rows.map((row) => idAt(NOW_MS + row.ms, row.n)))].sort()) {
        const gap = rows[table.length]?.gap ?? 0;
        table.push({ id, pos: Math.max(naturalPosition(id), (table.at(-1)?.pos ?? -Infinity) + 1) + gap * 3_000 });
      }
      const wanted = idAt(NOW_MS + ms, n);
      const pos = seek((from) => table.find((row) => row.pos >= from) ?? null, wanted);
      expect(table.filter((row) => row.pos >= pos)).toEqual(table.filter((row) => row.id >= wanted));
    }),
  );
});

describe("frames that collide in position", () => {
  test("stand in order of id, and each is found, when they are imported one by one in any order", () =>
    withStore(async (store, clock) => {
      const ids = Array.from({ length: 120 }, (_, n) => idAt(clock.ms - 5 + (n % 3), n));
      const mixed = shuffled(ids, randomFrom(7));
      await Promise.all(mixed.map((id) => store.import([frameAt(id, "a.b")])));
      const sorted = ids.toSorted();
      expect(await readIds(store)).toEqual(sorted);
      expect(await readIds(store, { topic: "a.b" })).toEqual(sorted);
      expect(await readIds(store, { topic: "a.*,a.b" })).toEqual(sorted);
      for (const id of ids) expect(store.get(id)).toContain(id);
    }));

  test(
    "spill into the next milliseconds and stay in order, with frames that are imported between them",
    () =>
      withStore(async (store, clock) => {
        const ms = clock.ms - 1_000;
        const even = Array.from({ length: 6_000 }, (_, n) => idAt(ms, 2 * n));
        const next = Array.from({ length: 50 }, (_, n) => idAt(ms + 1 + (n % 2), n));
        const odd = Array.from({ length: 6_000 }, (_, n) => idAt(ms, 2 * n + 1));
        await store.import(next.map((id) => frameAt(id, "n")));
        await store.import(even.map((id) => frameAt(id, "e")));
        const some = shuffled(odd, randomFrom(3)).slice(0, 24);
        for (let at = 0; at < some.length; at += 8) {
          await store.import(some.slice(at, at + 8).map((id) => frameAt(id, "o")));
        }
        const own = await appendAll(store, ["z"]);
        const expected = [...even, ...next, ...some, ...own].sort();
        expect(await readIds(store)).toEqual(expected);
        expect(await readIds(store, { topic: "o,n" })).toEqual([...some, ...next].sort());
        for (const id of [...some, ...next, ...even.slice(-300)]) expect(store.get(id)).toContain(id);
        const cursor = even[4_500] ?? "";
        expect(await readIds(store, { after: cursor })).toEqual(expected.filter((id) => id > cursor));
        expect(await readIds(store, { from: cursor, topic: "e" })).toEqual(even.slice(4_500));
        const missing = odd.find((id) => !some.includes(id) && id > cursor) ?? "";
        expect(store.get(missing as Id)).toBeNull();
        expect(await readIds(store, { from: missing })).toEqual(expected.filter((id) => id > missing));
      }),
    30_000,
  );

  test("are removed and pruned as themselves after they have been pushed", () =>
    withStore(async (store, clock) => {
      const ms = clock.ms - 10;
      for (const n of [9, 5, 7, 1, 3]) await store.import([frameAt(idAt(ms, n), n === 7 ? "x" : "t")]);
      expect(await store.remove(idAt(ms, 5))).toBe(true);
      expect(await readIds(store, { topic: "t" })).toEqual([1, 3, 9].map((n) => idAt(ms, n)));
      await store.import([frameAt(idAt(ms, 4), "t", "last:2")]);
      expect(await readIds(store, { topic: "t" })).toEqual([3, 4, 9].map((n) => idAt(ms, n)));
      expect(await readIds(store, { topic: "x" })).toEqual([idAt(ms, 7)]);
    }));
});
