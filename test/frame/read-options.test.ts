import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseId } from "../../src/frame/id.ts";
import {
  formatReadOptions,
  parseReadOptions,
  READ_ALL,
  type ReadOptions,
  type ReadTexts,
} from "../../src/frame/read-options.ts";
import { parseTopicFilter } from "../../src/frame/topic.ts";

const ID = parseId("01M8XS5DBWN8W2CJ3F0J9ZPAZR");

describe("read options", () => {
  test.each<[Partial<ReadTexts>, Partial<ReadOptions>]>([
    [{}, {}],
    [{ follow: "" }, { follow: { pulseMs: null } }],
    [{ follow: "true" }, { follow: { pulseMs: null } }],
    [{ follow: "yes" }, { follow: { pulseMs: null } }],
    [{ follow: "false" }, {}],
    [{ follow: "no" }, {}],
    [{ follow: "0" }, {}],
    [{ follow: "5000" }, { follow: { pulseMs: 5_000 } }],
    [{ follow: "1" }, { follow: { pulseMs: 10 } }],
    [{ follow: "", pulse: "100" }, { follow: { pulseMs: 100 } }],
    [{ new: "" }, { start: { kind: "new" } }],
    [{ tail: "true" }, { start: { kind: "new" } }],
    [{ new: "false" }, {}],
    [{ after: ID }, { start: { kind: "after", id: ID } }],
    [{ "last-id": ID.toLowerCase() }, { start: { kind: "after", id: ID } }],
    [{ from: ID }, { start: { kind: "from", id: ID } }],
    [{ limit: "0" }, { limit: 0 }],
    [{ limit: "10" }, { limit: 10 }],
    [{ last: "0" }, { last: 0 }],
    [{ last: "1000000000000" }, { last: 1_000_000_000_000 }],
    [{ topic: "a,b.*" }, { topic: parseTopicFilter("a,b.*") }],
    [{ topic: "*" }, { topic: "all" }],
    [{ "with-timestamp": "" }, { withTimestamp: true }],
    [{ "with-timestamp": "false" }, {}],
    [
      { last: "3", after: ID, limit: "2" },
      { last: 3, limit: 2, start: { kind: "after", id: ID } },
    ],
  ])("%j are read", (texts, expected) => {
    expect(parseReadOptions(texts)).toEqual({ ...READ_ALL, ...expected });
  });

  test.each<[Partial<ReadTexts>, string]>([
    [{ follow: "maybe" }, "follow"],
    [{ follow: "-1" }, "follow"],
    [{ follow: "99999999999" }, "pulse"],
    [{ pulse: "100" }, "pulse"],
    [{ follow: "false", pulse: "100" }, "pulse"],
    [{ follow: "", pulse: "0" }, "pulse"],
    [{ follow: "", pulse: "x" }, "pulse"],
    [{ new: "2" }, "new"],
    [{ after: "x" }, "after"],
    [{ "last-id": "" }, "after"],
    [{ from: "03d4q1qhbiv09ovtuhokw5yxv" }, "from"],
    [{ limit: "" }, "limit"],
    [{ limit: "-1" }, "limit"],
    [{ limit: "1.5" }, "limit"],
    [{ limit: "9007199254740992" }, "limit"],
    [{ last: "many" }, "last"],
    [{ topic: "" }, "topic"],
    [{ topic: "1" }, "topic"],
    [{ "with-timestamp": "2" }, "with-timestamp"],
    [{ new: "", after: ID }, "new and after"],
    [{ after: ID, from: ID }, "after and from"],
    [{ new: "", last: "1" }, "new and last"],
  ])("%j are refused, and the option is named: %s", (texts, name) => {
    expect(() => parseReadOptions(texts)).toThrow(name);
  });

  test("come back from their texts", () => {
    const count = fc.option(fc.nat());
    const start = fc.constantFrom<ReadOptions["start"]>(null, { kind: "after", id: ID }, { kind: "from", id: ID });
    const options = fc.record<ReadOptions>({
      follow: fc.option(fc.record({ pulseMs: fc.option(fc.integer({ min: 10, max: 86_400_000 })) })),
      start,
      limit: count,
      last: count,
      topic: fc.constantFrom("*", "a", "a.*", "a,b.*").map(parseTopicFilter),
      withTimestamp: fc.boolean(),
    });
    fc.assert(fc.property(options, (value) => expect(parseReadOptions(formatReadOptions(value))).toEqual(value)));
    const fromNew: ReadOptions = { ...READ_ALL, start: { kind: "new" }, limit: 1 };
    expect(parseReadOptions(formatReadOptions(fromNew))).toEqual(fromNew);
  });
});
