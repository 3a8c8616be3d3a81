// Garbage collection: what goes, what stays, and that the store goes on as if nothing had been there.
import { expect, test } from "bun:test";
import { appendContent } from "../support/sample-store.ts";
import { draft, readTopics } from "../support/read.ts";
import { withStore } from "../support/store.ts";

const HOUR_MS = 60 * 60 * 1000;
const NOTHING = { expired: 0, collected: 0, files: 0, bytes: 0, topics: 0, held_by_backup: false };

test("a topic whose name was collected is found again when it comes back", () =>
  withStore(async (store) => {
    const first = await store.append(draft("a.b.c"));
    const other = await store.append(draft("a.x"));
    await store.remove(first.id);
    await store.remove(other.id);
    expect(await store.care.gc(false)).toEqual({ ...NOTHING, topics: 2 });
    // In the other order, so that the ids of the paths are given anew.
    await store.append(draft("a.x"));
    await store.append(draft("a.b.c"));
    expect(await readTopics(store, { topic: "a.*" })).toEqual(["a.x", "a.b.c"]);
    expect(await readTopics(store, { topic: "a.b.*" })).toEqual(["a.b.c"]);
    expect(await readTopics(store, { topic: "a.x" })).toEqual(["a.x"]);
    expect(await store.care.gc(false)).toEqual(NOTHING);
  }));

test("content sent ahead of its frame is kept for an hour, then it goes", () =>
  withStore(async (store, clock) => {
    const hash = await store.keep(store.takeBytes(new Uint8Array(100)));
    clock.ms += HOUR_MS - 1_000;
    expect(await store.care.gc(false)).toEqual(NOTHING);
    expect(store.content(hash)).not.toBeNull();
    clock.ms += 1_000;
    // The sweeper may come first, so that what gc counts is not all that went.
    await store.care.gc(false);
    expect(store.content(hash)).toBeNull();
  }));

test("expired frames and their content go at once, in as many steps as it takes", () =>
  withStore(async (store, clock) => {
    for (let n = 0; n < 1_200; n += 100) {
      const some = Array.from({ length: 100 }, (_, m) =>
        appendContent(store, "short", Buffer.from(`content ${n + m}`), "time:1000"),
      );
      await Promise.all(some);
    }
    await appendContent(store, "long", Buffer.from("content 0"));
    clock.ms += 2_000;
    expect(await store.care.gc(false)).toMatchObject({ topics: 1 });
    expect(await readTopics(store)).toEqual(["long"]);
    expect((await store.care.counts(10)).content.count).toBe(1);
    expect(await store.care.gc(false)).toEqual(NOTHING);
  }));

test("content that a request holds is left, and so is all while a copy is held", () =>
  withStore(async (store, clock) => {
    const hash = await store.keep(store.takeBytes(new Uint8Array(100)));
    clock.ms += HOUR_MS;
    const held = store.takeBytes(new Uint8Array(100));
    expect(await store.care.gc(false)).toEqual(NOTHING);
    held.release();
    const copy = await store.care.copy();
    expect(await store.care.gc(false)).toEqual({ ...NOTHING, held_by_backup: true });
    expect(store.content(hash)).not.toBeNull();
    await copy.close();
    await store.care.gc(false);
    expect(store.content(hash)).toBeNull();
  }));

test("one gc runs at a time", () =>
  withStore(async (store) => {
    const first = store.care.gc(false);
    await expect(store.care.gc(false)).rejects.toThrow("a gc is running already");
    await first;
    await store.care.gc(false);
  }));
