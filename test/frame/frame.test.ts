import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { XsError } from "../../src/error.ts";
import { formatFrame, idInLine, parseFrame, withTimestamp } from "../../src/frame/frame.ts";

const ID = "01M8XS5DBWN8W2CJ3F0J9ZPAZR";
const HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const line = (over: Record<string, string> = {}): string => {
  const members = { topic: '"a.b"', id: `"${ID}"`, hash: "null", meta: "null", ttl: '"forever"', ...over };
  return `{${Object.entries(members)
    .map(([key, value]) => `"${key}":${value}`)
    .join(",")}}`;
};

describe("a frame", () => {
  test.each([
    [line()],
    [line({ hash: `"${HASH}"` })],
    [line({ ttl: "null" })],
    [line({ ttl: '"time:5"' })],
    [line({ meta: '{"b":1.0,"a":9007199254740993,"1":1e3}' })],
    [line({ meta: '{"id":"x","ttl":"last:1","topic":"t"}' })],
    [line({ meta: '"\\",\\"ttl\\":\\"forever\\"}"' })],
    [line({ meta: '{"a":1,"a":2}' })],
    [line({ meta: '"null"' })],
    [line({ meta: '{"ttl":null}' })],
  ])("comes back from its line: %s", (text) => {
    expect(formatFrame(parseFrame(text))).toBe(text);
  });

  test.each([
    [`{"ttl":"forever","meta":null,"hash":null,"id":"${ID}","topic":"a.b"}`],
    [`{"id":"${ID}","topic":"a.b"}`],
    [` {\n "topic" : "a.b" ,\t"id":"${ID}" } \n`],
    [`{"topic":"a\\u002eb","i\\u0064":"${ID}"}`],
    [`{"topic":"a.b","id":"${ID.toLowerCase()}","hash":null,"meta":null,"ttl":"forever"}`],
    [`{"topic":"a.b","id":"${ID}","hash":null,"meta":null,"ttl":"forever","timestamp":"2027-01-15T08:00:00.000Z"}`],
    [`{"topic":"a.b","id":"${ID}","meta": null}`],
  ])("is read with its keys in any order and what is missing filled in: %s", (text) => {
    expect(formatFrame(parseFrame(text))).toBe(line());
  });

  test("keeps its meta as text whatever the order of its keys", () => {
    const meta = '{ "z" : [1.0, {"a":",}"}], "1":"\\"" }';
    const frame = parseFrame(`{"meta":${meta},"topic":"t","id":"${ID}","ttl":"last:2"}`);
    expect<string | null>(frame.meta).toBe('{"z":[1.0,{"a":",}"}],"1":"\\""}');
    expect(frame.ttl).toEqual({ kind: "last", count: 2 });
  });

  test("keeps any meta", () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (json, isLast) => {
        const meta = JSON.stringify(JSON.parse(json));
        const frame = parseFrame(isLast ? `{"id":"${ID}","topic":"t","meta":${json}}` : line({ meta }));
        expect<string>(frame.meta ?? "null").toBe(meta);
      }),
    );
  });

  test.each([
    ["", "not JSON"],
    ["{", "not JSON"],
    ["[]", "not a JSON object"],
    ["null", "not a JSON object"],
    ['"x"', "not a JSON object"],
    ["{}", "no topic"],
    ['{"topic":"a"}', "no id"],
    [`{"topic":null,"id":"${ID}"}`, "no topic"],
    [`{"topic":1,"id":"${ID}"}`, "topic is not a string"],
    [`{"topic":"a","id":1}`, "id is not a string"],
    [line({ topic: '"a..b"' }), "not a topic"],
    [line({ id: '"x"' }), "not an id"],
    [line({ hash: '"x"' }), "not a content hash"],
    [line({ hash: "{}" }), "hash is not a string"],
    [line({ ttl: '"last:0"' }), "ttl"],
    [line({ ttl: "5" }), "ttl is not a string"],
    [line({ extra: "1" }), 'no key "extra"'],
    [`{"topic":"a","topic":"b","id":"${ID}"}`, "stands twice"],
    [line({ meta: '1,"meta":2' }), "stands twice"],
    [line({ meta: '1,"ttl":"last:1"' }), "stands twice"],
    [line({ meta: "{" }), "not JSON"],
    [line({ meta: "[".repeat(300) + "]".repeat(300) }), "200 levels"],
    [`${line()}x`, "not JSON"],
  ])("%s is refused: %s", (text, why) => {
    expect(() => parseFrame(text)).toThrow(why);
    expect(() => parseFrame(text)).toThrow(XsError);
  });

  test("tells its time at the end of its line when asked", () => {
    const timed = withTimestamp(line(), parseFrame(line()).id);
    expect(Object.keys(JSON.parse(timed))).toEqual(["topic", "id", "hash", "meta", "ttl", "timestamp"]);
    expect(JSON.parse(timed).timestamp).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(formatFrame(parseFrame(timed))).toBe(line());
  });

  test("has its id found in its line, not in its meta", () => {
    expect<string>(idInLine(line({ meta: '{"id":"other"}' }))).toBe(ID);
    expect<string>(idInLine(line({ topic: '"id"' }))).toBe(ID);
  });
});
