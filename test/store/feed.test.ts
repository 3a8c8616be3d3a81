import { describe, expect, test } from "bun:test";
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

// Followers are woken behind what the loop has at hand.
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function publish(feed: Feed, some: FeedEntry[]): Promise<void> {
  feed.publish(some);
  await turn();
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
    const feed = new Feed();
    for (let at = 0; at < 10; at++) await publish(feed, entries(1_000, at * 1_000));
    expect([feed.first, feed.end]).toEqual([5_904, 10_000]);
    expect(held(feed)).toHaveLength(4_096);
  });

  test("holds whatever has come since followers were last woken", async () => {
    const feed = new Feed();
    feed.publish(entries(16_384));
    expect([feed.first, feed.end]).toEqual([0, 16_384]);
    await turn();
    feed.publish(entries(1, 20_000));
    expect([feed.first, feed.end]).toEqual([12_289, 16_385]);
  });

  test("holds 8 MiB at most, whatever the size of a frame", async () => {
    const feed = new Feed();
    for (let at = 0; at < 30; at++) await publish(feed, entries(10, at * 10, 100_000));
    const bytes = held(feed).reduce((sum, entry) => sum + entry.bytes.length, 0);
    expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(bytes).toBeGreaterThan(7 * 1024 * 1024);
    await publish(feed, entries(1, 999, 9_000_000));
    await publish(feed, entries(1, 1_000));
    expect(feed.first).toBe(feed.end - 1);
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
