import { describe, expect, test } from "bun:test";
import { idAt } from "../support/frames.ts";
import { entryOf, Feed, type FeedEntry } from "../../src/store/feed.ts";
import { formatFrame, type Frame } from "../../src/frame/frame.ts";
import { parseTopic } from "../../src/frame/topic.ts";

const never = new AbortController().signal;

function entries(count: number, from = 0, metaBytes = 2): FeedEntry[] {
  return Array.from({ length: count }, (_, n) => {
    const meta = `"${"x".repeat(metaBytes - 2)}"` as Frame["meta"];
    const frame: Frame = { topic: parseTopic("a"), id: idAt(1_000, from + n), hash: null, meta, ttl: null };
    return entryOf(frame, formatFrame(frame), null);
  });
}

describe("the feed", () => {
  test("numbers entries from 0 on and answers those from a number on", () => {
    const feed = new Feed();
    const [a, b, c] = entries(3);
    feed.publish([a, b, c] as FeedEntry[]);
    expect([feed.first, feed.end]).toEqual([0, 3]);
    expect(feed.since(1)).toEqual([b, c] as FeedEntry[]);
    expect(feed.since(3)).toEqual([]);
  });

  test("holds 4,096 frames at most, and says of older ones that it no longer has them", () => {
    const feed = new Feed();
    for (let at = 0; at < 10; at++) feed.publish(entries(1_000, at * 1_000));
    expect([feed.first, feed.end]).toEqual([5_904, 10_000]);
    expect(feed.since(5_903)).toBeNull();
    expect(feed.since(5_904)).toHaveLength(4_096);
  });

  test("holds 8 MiB at most, whatever the size of a frame", () => {
    const feed = new Feed();
    for (let at = 0; at < 30; at++) feed.publish(entries(10, at * 10, 100_000));
    const held = (feed.since(feed.first) ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(held).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(held).toBeGreaterThan(7 * 1024 * 1024);
    feed.publish(entries(1, 999, 9_000_000));
    expect(feed.since(feed.first)).toEqual([]);
    expect(feed.first).toBe(feed.end);
  });

  test("wakes who waits when an entry comes, and at once when it is there", async () => {
    const feed = new Feed();
    const waits = [feed.waiter(never).wait(0, null), feed.waiter(never).wait(0, null)];
    feed.publish(entries(1));
    await Promise.all(waits);
    await feed.waiter(never).wait(0, null);
  });

  test("wakes who waits when the time is up, the reader leaves, or the feed closes", async () => {
    const feed = new Feed();
    await feed.waiter(never).wait(0, 1);
    const leaving = new AbortController();
    const left = feed.waiter(leaving.signal).wait(0, null);
    leaving.abort();
    await left;
    await feed.waiter(leaving.signal).wait(0, null);
    const closing = feed.waiter(never).wait(0, null);
    feed.close();
    await closing;
    await feed.waiter(never).wait(0, null);
    expect(feed.closed).toBe(true);
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
