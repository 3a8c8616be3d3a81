import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { metaOf, parseMeta } from "../../src/frame/meta.ts";

describe("meta", () => {
  test.each([
    ['{"b":1,"a":2}'],
    ['{"2":1,"1":2,"x":0}'],
    ["1.0"],
    ["1e3"],
    ["-0"],
    ["9007199254740993"],
    ["1e400"],
    ['{"a":1,"a":2}'],
    ['"\\u00e9\\/\\n\\ud83d\\ude00"'],
    ['"\\ud800"'],
    ['{"__proto__":{"a":1}}'],
    ["[]"],
    ["{}"],
    ["true"],
    ['""'],
    ['"é 😀"'],
    ['" spaces  stay "'],
    ['{" a b ":"c \\" d"}'],
  ])("%s comes back as it was given", (text) => {
    expect<string | null>(parseMeta(text)).toBe(text);
  });

  test.each([
    [' { "a" : [ 1 , 2 ] } ', '{"a":[1,2]}'],
    ['{\n\t"a": "x y",\r\n "b": "\\" z"\n}', '{"a":"x y","b":"\\" z"}'],
    ['[ "\\\\" , " " ]', '["\\\\"," "]'],
  ])("%j loses white space between its tokens alone", (text, compact) => {
    expect<string | null>(parseMeta(text)).toBe(compact);
  });

  test("null is no meta", () => {
    expect(parseMeta("null")).toBeNull();
    expect(parseMeta(" null\n")).toBeNull();
  });

  test("any JSON value keeps its meaning, printed widely or not", () => {
    fc.assert(
      fc.property(fc.json({ depthSize: "medium" }), fc.constantFrom(0, 2, "\t"), (json, indent) => {
        const value: unknown = JSON.parse(json);
        const compact = parseMeta(JSON.stringify(value, null, indent));
        expect(compact ?? "null").toBe(JSON.stringify(value));
      }),
    );
  });

  test.each([
    [""],
    ["{"],
    ["{'a':1}"],
    ["nul"],
    ["01"],
    ["1."],
    ["[1,]"],
    ["{}x"],
    ['"\t"'],
    ["NaN"],
    ["\ufeff1"],
    ["// c\n1"],
  ])("%j is refused as no JSON", (text) => {
    expect(() => parseMeta(text)).toThrow("meta is not JSON");
  });

  test("beyond 128 KiB is too large, counted in bytes", () => {
    const text = (bytes: number): string => `"${"x".repeat(bytes - 2)}"`;
    expect(parseMeta(text(131_072))).toHaveLength(131_072);
    expect(() => parseMeta(text(131_073))).toThrow("131073 bytes");
    expect(() => parseMeta(`"${"é".repeat(65_536)}"`)).toThrow("131074 bytes");
  });

  test("of the largest size with white space and escapes throughout is compacted", () => {
    const text = `[ "${'\\" '.repeat(43_000)}" ]`;
    expect<string | null>(parseMeta(text)).toBe(`[${text.slice(2, -2)}]`);
  });

  test("is nested 200 levels at most", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect<string | null>(parseMeta(nested(200))).toBe(nested(200));
    expect(() => parseMeta(nested(201))).toThrow("200 levels");
    expect(() => parseMeta(nested(60_000))).toThrow(/meta is/);
    const flat = `[${"[],".repeat(300)}"[[[${"[".repeat(300)}"]`;
    expect<string | null>(parseMeta(flat)).toBe(flat);
  });

  test("of the program itself is its JSON", () => {
    expect<string>(metaOf({ expose: null })).toBe('{"expose":null}');
  });
});
