import { describe, expect, test } from "bun:test";
import { parseDraft } from "../../src/frame/draft.ts";

const HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const FOREVER = { kind: "forever" };

describe("a draft", () => {
  test.each([
    ['{"topic":"a.b"}', "a.b", null, FOREVER],
    ['{"topic":"a","meta":null}', "a", null, FOREVER],
    ['{"topic":"a","meta":{"b":1.0,"a":9007199254740993}}', "a", '{"b":1.0,"a":9007199254740993}', FOREVER],
    ['{"topic":"a","meta":{"x":1,"ttl":"last:1"}}', "a", '{"x":1,"ttl":"last:1"}', FOREVER],
    ['{"topic":"a","meta":"}","ttl":"time:5"}', "a", '"}"', { kind: "time", ms: 5 }],
    ['{"topic":"a","meta":{ "n" : 1 },"ttl":"head:2"}', "a", '{"n":1}', { kind: "last", count: 2 }],
    ['{"topic":"a","ttl":"ephemeral"}', "a", null, { kind: "ephemeral" }],
    [' {"ttl": null, "meta": [1, 2], "hash": null, "content": null, "topic": "a" } ', "a", "[1,2]", FOREVER],
    ['{"topic":"xs.module.m"}', "xs.module.m", null, FOREVER],
  ])("has a topic, and meta and ttl where they are given: %s", (json, topic, meta, ttl) => {
    expect(parseDraft(json)).toEqual({ draft: { topic, meta, ttl } as never, content: null, hash: null });
  });

  test("has content as text, or the hash of content that is stored", () => {
    expect(parseDraft('{"topic":"a","content":"é\\n\\u0000"}')).toMatchObject({ content: "é\n\0", hash: null });
    expect(parseDraft(`{"topic":"a","meta":{},"content":"x"}`)).toMatchObject({ draft: { meta: "{}" }, content: "x" });
    expect(parseDraft(`{"topic":"a","hash":"${HASH}"}`)).toMatchObject({ content: null, hash: HASH as never });
  });

  test.each([
    ["{", "not JSON"],
    ["[]", "not a JSON object"],
    ["{}", "no topic"],
    ['{"topic":null}', "no topic"],
    ['{"topic":1}', "topic is not a string"],
    ['{"topic":"a..b"}', "empty level"],
    ['{"topic":"a","topic":"b"}', "stands twice"],
    ['{"topic":"a","meta":1,"meta":2}', "stands twice"],
    ['{"topic":"a","meta":{},"extra":1}', 'no key "extra"'],
    ['{"topic":"a","timestamp":"2027-01-15T08:00:00.000Z"}', 'no key "timestamp"'],
    ['{"topic":"a","id":"01M8XS5DBWN8W2CJ3F0J9ZPAZR"}', "the server gives the id"],
    ['{"topic":"a","ttl":"soon"}', "not a time to live"],
    ['{"topic":"a","hash":"x"}', "not a content hash"],
    ['{"topic":"a","content":{"text":1}}', "content is not a string"],
    ['{"topic":"a","content":"\\ud800"}', "not Unicode text"],
    [`{"topic":"a","content":"","hash":"${HASH}"}`, "both content and hash"],
    ['{"topic":"xs.start"}', "belongs to xs"],
    ['{"topic":"xs.threshold","meta":{}}', "belongs to xs"],
  ])("that is none is refused with the reason: %s", (json, reason) => {
    expect(() => parseDraft(json)).toThrow(reason);
  });
});
