import { describe, expect, test } from "bun:test";
import type { Id } from "../../src/frame/id.ts";
import { eventually } from "../support/eventually.ts";
import { frameAt, idAt } from "../support/frames.ts";
import { appendAll, draft, readIds, readTopics, startReading } from "../support/read.ts";
import { withStore } from "../support/store.ts";

describe("a follower", () => {
  test("gets history, one threshold, then what comes, and its filter holds for both", () =>
    withStore(async (store) => {
      const [a] = await appendAll(store, ["a", "b"]);
      const follower = startReading(store, { topic: "a,c.*" });
      await follower.until(2);
      const live = await appendAll(store, ["b", "a", "c", "c.d"]);
      await follower.until(4);
      await follower.stop();
      expect(follower.ids()).toEqual([a ?? "", "threshold", live[1] ?? "", live[3] ?? ""]);
    }));

  test("whose limit is the history gets exactly that, without a threshold, and ends", () =>
    withStore(async (store) => {
      const ids = await appendAll(store, ["a", "a", "a"]);
      const follower = startReading(store, { limit: "3" });
      await follower.ended;
      expect(follower.ids()).toEqual(ids);
    }));

  test(
    "has its limit over history and live together, whatever the pulse and the markers",
    () =>
      withStore(async (store, clock) => {
        const ids = await appendAll(store, ["a", "a"]);
        const follower = startReading(store, { limit: "4", follow: "10" });
        await follower.until(3);
        clock.ms += 10;
        await follower.until(4);
        ids.push(...(await appendAll(store, ["a", "a", "a", "a"])));
        await follower.ended;
        expect(follower.lines[2]).toBe("threshold");
        expect(follower.lines).toContain("pulse");
        expect(follower.ids().filter((id) => id.length === 26)).toEqual(ids.slice(0, 4));
      }),
    10_000,
  );

  test("of the last n of a topic gets its threshold after them", () =>
    withStore(async (store) => {
      const ids = await appendAll(store, ["a", "a", "b", "a", "b"]);
      const follower = startReading(store, { last: "2", topic: "a" });
      await follower.until(3);
      const [next] = await appendAll(store, ["a"]);
      await follower.until(4);
      await follower.stop();
      expect(follower.ids()).toEqual([ids[1] ?? "", ids[3] ?? "", "threshold", next ?? ""]);
    }));

  test("that wants only what is new gets no history and no threshold", () =>
    withStore(async (store) => {
      await appendAll(store, ["a"]);
      const follower = startReading(store, { new: "" });
      const ids = await appendAll(store, ["a", "a"]);
      await follower.until(2);
      await follower.stop();
      expect(follower.ids()).toEqual(ids);
    }));

  test("whose cursor lies in the future gets nothing until ids have passed it", () =>
    withStore(async (store, clock) => {
      const cursor = idAt(clock.ms + 1_000);
      const follower = startReading(store, { after: cursor });
      await appendAll(store, ["early"]);
      clock.ms += 2_000;
      const [late] = await appendAll(store, ["late"]);
      await follower.until(2);
      await follower.stop();
      expect(follower.ids()).toEqual(["threshold", late ?? ""]);
    }));

  test("that lags catches up from the store, each frame once and in order", () =>
    withStore(async (store) => {
      const follower = startReading(store, { topic: "a" });
      await follower.until(1);
      follower.hold();
      const ids: string[] = [];
      for (let round = 0; round < 6; round++) ids.push(...(await appendAll(store, Array(1_000).fill("a"))));
      await appendAll(store, Array(100).fill("b"));
      follower.resume();
      await follower.until(6_001);
      ids.push(...(await appendAll(store, ["a"])));
      await follower.until(6_002);
      await follower.stop();
      expect(follower.ids()).toEqual(["threshold", ...ids]);
    }));

  test("gets ephemeral frames that came while it read its history, each in its place", () =>
    withStore(async (store) => {
      await appendAll(store, Array(300).fill("a"));
      const follower = startReading(store);
      follower.hold();
      const [ephemeral] = await appendAll(store, ["e"], "ephemeral");
      const [after] = await appendAll(store, ["z"]);
      follower.resume();
      await follower.until(303);
      await follower.stop();
      expect(follower.ids().slice(300)).toEqual(["threshold", ephemeral ?? "", after ?? ""]);
      expect(await readTopics(store, { last: "1" })).toEqual(["z"]);
    }));

  test("gets a frame that was imported above its history while it still read that", () =>
    withStore(async (store, clock) => {
      await appendAll(store, Array(300).fill("a"));
      const follower = startReading(store);
      follower.hold();
      clock.ms += 10;
      const [late] = await appendAll(store, ["late"]);
      const imported = idAt(clock.ms - 5);
      await store.import([frameAt(imported), frameAt(idAt(clock.ms - 60_000))]);
      follower.resume();
      await follower.until(304);
      await follower.stop();
      expect(follower.ids().toSorted()).toEqual([...(await readIds(store)), "threshold"]);
      expect(follower.ids().indexOf(late ?? "")).toBeLessThan(follower.ids().indexOf(imported));
    }));

  test("gets a frame once that was imported below while it read its history and lagged right after", () =>
    withStore(async (store, clock) => {
      await appendAll(store, Array(300).fill("a"));
      const follower = startReading(store);
      follower.hold();
      await follower.until(1);
      const imported = idAt(clock.ms - 60_000);
      await store.import([frameAt(imported)]);
      for (let round = 0; round < 6; round++) await appendAll(store, Array(1_000).fill("a"));
      follower.resume();
      await follower.until(6_302);
      const [last] = await appendAll(store, ["z"]);
      await eventually("the last frame has come", () => follower.ids().includes(last ?? ""));
      await follower.stop();
      expect(follower.ids().toSorted()).toEqual([...(await readIds(store)), "threshold"]);
    }));

  test("gets a frame once that was imported between the newest frame and a marker, also when it lags then", () =>
    withStore(async (store, clock) => {
      const [first] = await appendAll(store, ["a"]);
      const follower = startReading(store, { new: "" });
      clock.ms += 10;
      const other = startReading(store);
      await other.until(2);
      await other.stop();
      const imported = idAt(clock.ms - 5);
      follower.hold();
      await store.import([frameAt(imported)]);
      await follower.until(1);
      const ids: string[] = [];
      for (let round = 0; round < 6; round++) ids.push(...(await appendAll(store, Array(1_000).fill("a"))));
      follower.resume();
      await follower.until(6_001);
      const [last] = await appendAll(store, ["z"]);
      await follower.until(6_002);
      await follower.stop();
      expect(follower.ids()).toEqual([imported, ...ids, last ?? ""]);
      expect(await readIds(store, { limit: "2" })).toEqual([first ?? "", imported]);
    }));

  test("gets the newest frame again when it is removed and imported", () =>
    withStore(async (store) => {
      const [id] = await appendAll(store, ["a"]);
      const follower = startReading(store, { new: "" });
      await store.remove(id as Id);
      await store.import([frameAt(id as Id, "a")]);
      await follower.until(1);
      await follower.stop();
      expect(follower.ids()).toEqual([id as string]);
    }));

  test("gets no imported frame from before its start, and none that its filter leaves out", () =>
    withStore(async (store, clock) => {
      const [start] = await appendAll(store, ["a"]);
      const follower = startReading(store, { after: start as Id, topic: "a" });
      await follower.until(1);
      clock.ms += 10;
      await appendAll(store, ["b"]);
      const wanted = idAt(clock.ms - 2);
      await store.import([frameAt(idAt(clock.ms - 900), "a"), frameAt(wanted, "a"), frameAt(idAt(clock.ms - 3), "b")]);
      const [last] = await appendAll(store, ["a"]);
      await follower.until(3);
      await follower.stop();
      expect(follower.ids()).toEqual(["threshold", wanted, last ?? ""]);
    }));

  test("that leaves is no longer counted, wherever it stands", () =>
    withStore(async (store) => {
      await appendAll(store, Array(300).fill("a"));
      const waiting = startReading(store);
      await waiting.until(301);
      const held = startReading(store);
      held.hold();
      expect(store.followers).toBe(2);
      await Promise.all([waiting.stop(), held.stop()]);
      expect(store.followers).toBe(0);
      const limited = startReading(store, { limit: "1" });
      await limited.ended;
      expect(store.followers).toBe(0);
    }));

  test("takes what it has not seen when following ends", () =>
    withStore(async (store) => {
      const follower = startReading(store, { new: "" });
      follower.hold();
      const ids = await appendAll(store, Array(2_000).fill("a"));
      store.endFollowing();
      follower.resume();
      await follower.ended;
      expect(follower.ids()).toEqual(ids);
    }));
});

test("8 writers and 4 followers: each follower sees every frame once, in order of id", () =>
  withStore(async (store) => {
    const followers = [startReading(store), startReading(store)];
    const writer = async (): Promise<void> => {
      for (let n = 0; n < 250; n++) {
        await store.append(draft("a"));
        if (n === 100 && followers.length < 4) followers.push(startReading(store));
      }
    };
    await Promise.all(Array.from({ length: 8 }, writer));
    const ids = await readIds(store);
    expect(ids).toHaveLength(2_000);
    for (const follower of followers) {
      await follower.until(2_001);
      await follower.stop();
      expect(follower.ids().filter((id) => id !== "threshold")).toEqual(ids);
    }
  }));
