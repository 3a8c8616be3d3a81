import { describe, expect, spyOn, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { idAt } from "../support/frames.ts";
import { entryOf, Feed, type FeedEntry } from "../../src/store/feed.ts";
import { formatFrame, type Frame } from "../../src/frame/frame.ts";
import { parseTopic } from "../../src/frame/topic.ts";

function entries(count: number, from = 0, metaBytes = 2): FeedEntry[] {
  return Array.from({ length: count }, (_, n) => {
    const meta = `"${"x".repeat(metaBytes - 2)}"` as Frame["meta"];
    const frame: Frame = { topic: parseTopic("a"), id: idAt(1_000, from + n), hash: null, meta, ttl: null };
    return entryOf(frame, formatFrame(frame), null);
  });
}

const held = (feed: Feed): FeedEntry[] =>
  Array.from({ length: feed.end - feed.first }, (_, n) => feed.at(feed.first + n) as FeedEntry);

// A feed with a clock of its own. Followers are woken behind what the loop has at hand, which is a turn of it.
function rig(): { feed: Feed; publish: (some: FeedEntry[], laterMs?: number) => Promise<void> } {
  let nowMs = 0;
  const feed = new Feed(() => nowMs);
  const publish = async (some: FeedEntry[], laterMs = 100): Promise<void> => {
    feed.publish(some);
    await new Promise((resolve) => setImmediate(resolve));
    nowMs += laterMs;
  };
  return { feed, publish };
}

describe("the feed", () => {
  test("numbers entries from 0 on and answers those from a number on", () => {
    const feed = new Feed();
    const [a, b, c] = entries(3);
    feed.publish([a, b, c] as FeedEntry[]);
    expect([feed.first, feed.end]).toEqual([0, 3]);
    expect([feed.at(1), feed.at(2), feed.at(3)]).toEqual([b, c, undefined]);
  });

  test("holds 4,096 frames at most, and says of older ones that it no longer has them", async () => {
    const { feed, publish } = rig();
    for (let at = 0; at < 10; at++) await publish(entries(1_000, at * 1_000));
    expect([feed.first, feed.end]).toEqual([5_904, 10_000]);
    expect(held(feed)).toHaveLength(4_096);
  });

  test("holds whatever followers have had no time to take", async () => {
    const { feed, publish } = rig();
    await publish(entries(16_384), 10);
    for (let at = 0; at < 4; at++) await publish(entries(1, 20_000 + at), 10);
    expect([feed.first, feed.end]).toEqual([0, 16_388]);
    for (let at = 0; at < 4; at++) await publish(entries(1, 20_004 + at), 100);
    expect([feed.first > 12_000, feed.end]).toEqual([true, 16_392]);
  });

  test("holds 8 MiB at most, whatever the size of a frame", async () => {
    const { feed, publish } = rig();
    for (let at = 0; at < 30; at++) await publish(entries(10, at * 10, 100_000));
    const bytes = held(feed).reduce((sum, entry) => sum + entry.bytes.length, 0);
    expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(bytes).toBeGreaterThan(7 * 1024 * 1024);
    for (let at = 0; at < 4; at++) await publish(entries(1, 999 + at, 9_000_000));
    // The newest few are held for who is about to take them.
    expect(feed.first).toBeGreaterThanOrEqual(feed.end - 3);
  });

  test("wakes the others when one fails", async () => {
    const { feed } = rig();
    const told = spyOn(console, "error").mockImplementation(() => undefined);
    let woken = 0;
    feed.wait(() => {
      throw new Error("a fault of one");
    });
    feed.wait(() => void woken++);
    feed.publish(entries(1));
    await eventually("the second is woken", () => woken === 1);
    expect(told).toHaveBeenCalledTimes(1);
    told.mockRestore();
  });

  test("wakes who waits once, when an entry has come or it has closed, and not in the middle of a commit", async () => {
    const feed = new Feed();
    const woken: string[] = [];
    feed.wait(() => woken.push("a"));
    feed.wait(() => woken.push("b"));
    const forgotten = (): void => void woken.push("forgotten");
    feed.wait(forgotten);
    feed.forget(forgotten);
    feed.publish(entries(1));
    expect(woken).toEqual([]);
    await eventually("both are woken", () => woken.length === 2);
    feed.wait(() => woken.push("c"));
    feed.close();
    await eventually("the third is woken", () => woken.length === 3);
    expect(woken).toEqual(["a", "b", "c"]);
    expect(feed.closed).toBe(true);
  });

  test("wakes a thousand followers no oftener than every 10 ms, and what comes meanwhile goes out together", async () => {
    const feed = new Feed();
    const wokenAtMs: number[] = [];
    const waitAll = (): void => {
      for (let n = 0; n < 1_000; n++) feed.wait(n === 0 ? () => wokenAtMs.push(performance.now()) : () => undefined);
    };
    waitAll();
    feed.publish(entries(1));
    await eventually("they are woken", () => wokenAtMs.length === 1);
    waitAll();
    feed.publish(entries(1, 1));
    feed.publish(entries(1, 2));
    await eventually("they are woken again", () => wokenAtMs.length === 2);
    expect((wokenAtMs[1] ?? 0) - (wokenAtMs[0] ?? 0)).toBeGreaterThan(9);
    expect(feed.end).toBe(3);
  });

  test("joins entries once for all who want the same", () => {
    const feed = new Feed();
    const [a, b, c] = entries(3) as [FeedEntry, FeedEntry, FeedEntry];
    const text = (all: FeedEntry[]): string => all.map(({ bytes }) => bytes.toString()).join("");
    expect(feed.bytesOf([a])).toBe(a.bytes);
    const joined = feed.bytesOf([a, b]);
    expect(joined.toString()).toBe(text([a, b]));
    expect(feed.bytesOf([a, b])).toBe(joined);
    for (const others of [
      [a, c],
      [a, b, c],
      [b, c],
    ])
      expect(feed.bytesOf(others).toString()).toBe(text(others));
  });

  test("counts who follows", () => {
    const feed = new Feed();
    const [leave, leaveToo] = [feed.join(), feed.join()];
    expect(feed.followers).toBe(2);
    leave();
    leaveToo();
    expect(feed.followers).toBe(0);
  });
});
