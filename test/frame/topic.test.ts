import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ancestorsOf,
  checkClientMayAppend,
  checkMayBeStored,
  formatTopicFilter,
  isSystemTopic,
  matches,
  parseTopic,
  parseTopicFilter,
} from "../../src/frame/topic.ts";

const level = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,5}$/);
const topicText = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join("."));

describe("a topic", () => {
  test.each([["a"], ["_"], ["A.b.c"], ["a-b_c.1"], ["user.42"], ["a".repeat(255)]])("%j is one", (text) => {
    expect<string>(parseTopic(text)).toBe(text);
  });

  test.each([
    ["", "empty"],
    [" ", "begins with"],
    ["1a", "begins with"],
    [".a", "begins with"],
    ["-a", "begins with"],
    ["a b", "begins with"],
    ["a,b", "begins with"],
    ["a.*", "begins with"],
    ["*", "begins with"],
    ["a\0", "begins with"],
    ["a\n", "begins with"],
    ["ä", "begins with"],
    ["a/b", "begins with"],
    ['a"', "begins with"],
    ["a.", "ends with a dot"],
    ["a..b", "two dots"],
    ["a".repeat(256), "256 characters"],
  ])("%j is none: %s", (text, why) => {
    expect(() => parseTopic(text)).toThrow(why);
  });

  test("lies below each of its ancestors and no other topic", () => {
    expect(ancestorsOf(parseTopic("a.b.c"))).toEqual(["a", "a.b"]);
    expect(ancestorsOf(parseTopic("a"))).toEqual([]);
  });
});

describe("a topic filter", () => {
  test.each([
    ["a", "a", true],
    ["a", "a.b", false],
    ["a", "ab", false],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", true],
    ["a.*", "a", false],
    ["a.*", "ab", false],
    ["a.*", "ab.c", false],
    ["a.b.*", "a.b", false],
    ["*", "a", true],
    ["*", "xs.start", true],
    ["a,b", "b", true],
    ["a,b", "c", false],
    ["a,*", "c", true],
    ["a,,b,", "b", true],
    [" a , b ", "b", true],
    ["a.*,a.b", "a.b", true],
  ])("%j and the topic %j: %p", (filter, topic, expected) => {
    expect(matches(parseTopicFilter(filter), parseTopic(topic))).toBe(expected);
  });

  test.each([
    ["", "names no topic"],
    [",", "names no topic"],
    [" , ", "names no topic"],
    ["a,1bad", "1bad"],
    ["*.a", "*.a"],
    ["a*", "a*"],
    ["a.*.b", "a.*.b"],
    ["a..*", "ends with a dot"],
    ["a..b.*", "empty level"],
    [".*", "empty"],
    ["*,1bad", "1bad"],
    [Array.from({ length: 101 }, (_, n) => `t${n}`).join(","), "101 patterns"],
  ])("%j is refused: %s", (text, why) => {
    expect(() => parseTopicFilter(text)).toThrow(why);
  });

  test("comes back from its text", () => {
    const pattern = fc.tuple(topicText, fc.boolean()).map(([topic, below]) => (below ? `${topic}.*` : topic));
    const list = fc.uniqueArray(pattern, { minLength: 1, maxLength: 8 }).map((patterns) => patterns.join(","));
    fc.assert(
      fc.property(list, (text) => {
        expect(formatTopicFilter(parseTopicFilter(text))).toBe(text);
      }),
    );
    expect(formatTopicFilter(parseTopicFilter("a,*"))).toBe("*");
  });

  test("holds an element once that is named twice", () => {
    expect(formatTopicFilter(parseTopicFilter("a,b,a"))).toBe("a,b");
  });

  test("matches a topic below each ancestor that ancestorsOf names, and below no other", () => {
    fc.assert(
      fc.property(topicText, topicText, (topic, other) => {
        const isBelow = matches(parseTopicFilter(`${other}.*`), parseTopic(topic));
        expect(isBelow).toBe(ancestorsOf(parseTopic(topic)).includes(other));
      }),
    );
  });
});

describe("of the topics under xs", () => {
  test.each([
    ["xs.module.a"],
    ["xs.module.a.b"],
    ["xs.actor.a.create"],
    ["xs.service.a.b.term"],
    ["xs.action.x.create"],
  ])("a client may append %s", (topic) => {
    expect(() => checkClientMayAppend(parseTopic(topic))).not.toThrow();
  });

  test.each([
    ["xs"],
    ["xs.start"],
    ["xs.stopping"],
    ["xs.threshold"],
    ["xs.pulse"],
    ["xs.anything"],
    ["xs.module"],
    ["xs.actor.create"],
    ["xs.actor.a.running"],
    ["xs.actor.a.create.more"],
    ["xs.thing.a.create"],
  ])("a client may not append %s", (topic) => {
    expect(() => checkClientMayAppend(parseTopic(topic))).toThrow("belongs to xs");
  });

  test("a topic that only looks like them is a client's", () => {
    expect(() => checkClientMayAppend(parseTopic("xsx"))).not.toThrow();
    expect(isSystemTopic(parseTopic("xs"))).toBe(true);
    expect(isSystemTopic(parseTopic("xs.a"))).toBe(true);
    expect(isSystemTopic(parseTopic("xsx.a"))).toBe(false);
  });

  test("the markers of a read are never stored", () => {
    expect(() => checkMayBeStored(parseTopic("xs.threshold"))).toThrow("marker");
    expect(() => checkMayBeStored(parseTopic("xs.pulse"))).toThrow("marker");
    expect(() => checkMayBeStored(parseTopic("xs.start"))).not.toThrow();
  });
});
