import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Id } from "../../src/frame/id.ts";
import type { ReadTexts } from "../../src/frame/read-options.ts";
import { matches, parseTopic, parseTopicFilter } from "../../src/frame/topic.ts";
import { idAt } from "../support/frames.ts";
import { appendAll, readIds, readTopics, startReading } from "../support/read.ts";
import { withStore } from "../support/store.ts";

// The history of the tables below: eight frames, in this order.
const HISTORY = ["a", "a.b", "b", "a.c", "a", "a.b.c", "b", "c"];

describe("a read of history", () => {
  test.each<[Partial<ReadTexts>, number[]]>([
    [{}, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ limit: "3" }, [0, 1, 2]],
    [{ limit: "0" }, []],
    [{ limit: "99" }, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ last: "2" }, [6, 7]],
    [{ last: "0" }, []],
    [{ last: "99" }, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ last: "1000000000000" }, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ last: "3", limit: "2" }, [5, 6]],
    [{ topic: "a" }, [0, 4]],
    [{ topic: "a.*" }, [1, 3, 5]],
    [{ topic: "a.b.*" }, [5]],
    [{ topic: "a.b,a.*" }, [1, 3, 5]],
    [{ topic: "a,a.*,b" }, [0, 1, 2, 3, 4, 5, 6]],
    [{ topic: "b,*" }, [0, 1, 2, 3, 4, 5, 6, 7]],
    [{ topic: "none" }, []],
    [{ topic: "none,c" }, [7]],
    [{ topic: "a.*", last: "2" }, [3, 5]],
    [{ topic: "a,b", last: "3" }, [2, 4, 6]],
    [{ topic: "a.*,b", limit: "2" }, [1, 2]],
    [{ topic: "b,a", last: "3", limit: "1" }, [2]],
    [{ after: "2" }, [3, 4, 5, 6, 7]],
    [{ from: "2" }, [2, 3, 4, 5, 6, 7]],
    [{ after: "7" }, []],
    [{ from: "7" }, [7]],
    [{ after: "2", topic: "a.*" }, [3, 5]],
    [{ from: "3", topic: "a.*,b" }, [3, 5, 6]],
    [{ after: "0", topic: "a,b", limit: "2" }, [2, 4]],
    [{ after: "3", last: "2" }, [6, 7]],
    [{ after: "5", last: "9" }, [6, 7]],
    [{ from: "4", last: "2", topic: "a,b" }, [4, 6]],
    [{ new: "" }, []],
  ])("%j answers the frames %j", (texts, expected) =>
    withStore(async (store) => {
      const ids = await appendAll(store, HISTORY);
      const named = Object.fromEntries(
        Object.entries(texts).map(([name, text]) => [name, /^(after|from)$/.test(name) ? ids[Number(text)] : text]),
      );
      expect(await readIds(store, named)).toEqual(expected.map((at) => ids[at] as Id));
      // The same read with follow: the same frames, then the threshold, unless the limit ends it before.
      const follower = startReading(store, named);
      const limited = texts.limit !== undefined && Number(texts.limit) <= expected.length;
      if (limited) await follower.ended;
      else if (texts.new === undefined) await follower.until(expected.length + 1);
      await follower.stop();
      const markers = limited || texts.new !== undefined ? [] : ["threshold"];
      expect(follower.ids()).toEqual([...expected.map((at) => ids[at] as string), ...markers]);
    }),
  );

  test("takes ids of no frame as places between frames, before the first and behind the last too", () =>
    withStore(async (store, clock) => {
      const [a] = await appendAll(store, ["a"]);
      clock.ms += 10;
      const [b] = await appendAll(store, ["a"]);
      const [first, between, future] = [idAt(0), idAt(clock.ms - 5), idAt(clock.ms + 1_000_000)];
      for (const cursor of ["after", "from"]) {
        for (const topic of ["*", "a", "a,b"]) {
          expect(await readIds(store, { [cursor]: first, topic })).toEqual([a ?? "", b ?? ""]);
          expect(await readIds(store, { [cursor]: between, topic })).toEqual([b ?? ""]);
          expect(await readIds(store, { [cursor]: future, topic, last: "3" })).toEqual([]);
        }
      }
    }));

  test("of many pages is whole and in order, through one path, many paths, and none", () =>
    withStore(async (store) => {
      const topics = Array.from({ length: 3_000 }, (_, n) => `t.${"abc"[n % 3]}.${n % 7}`);
      const ids = await appendAll(store, topics);
      expect(await readIds(store)).toEqual(ids);
      expect(await readIds(store, { topic: "t.*" })).toEqual(ids);
      expect(await readIds(store, { topic: "t.c.*,t.*,t.a.*,t.b.*,t.a.1" })).toEqual(ids);
      const hundred = Array.from({ length: 97 }, (_, n) => `no${n}`).join(",");
      expect(await readIds(store, { topic: `${hundred},t.c.*,t.b.*,t.a.*` })).toEqual(ids);
      expect(await readIds(store, { topic: "t.a.0,t.b.*", last: "1500" })).toEqual(
        ids.filter((_, n) => /^t\.(a\.0|b\.\d)$/.test(topics[n] ?? "")).slice(-1_500),
      );
    }));
});

test("a filter finds in the store what matches() says, for any topics and patterns", async () => {
  const level = fc.constantFrom("a", "b", "ab", "a-b", "a_", "A");
  const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("."));
  const pattern = fc.tuple(topic, fc.boolean()).map(([name, below]) => (below ? `${name}.*` : name));
  const patterns = fc.array(pattern, { minLength: 1, maxLength: 5 }).map((list) => list.join(","));
  await fc.assert(
    fc.asyncProperty(
      fc.array(topic, { maxLength: 30 }),
      fc.array(patterns, { minLength: 1, maxLength: 5 }),
      (topics, lists) =>
        withStore(async (store) => {
          const live = startReading(store, { new: "", topic: lists[0] ?? "*" });
          await appendAll(store, topics);
          for (const list of lists) {
            const filter = parseTopicFilter(list);
            expect(await readTopics(store, { topic: list })).toEqual(
              topics.filter((name) => matches(filter, parseTopic(name))),
            );
          }
          const expected = await readIds(store, { topic: lists[0] ?? "*" });
          await live.until(expected.length);
          await live.stop();
          expect(live.ids()).toEqual(expected);
        }),
    ),
    { numRuns: 25 },
  );
});
