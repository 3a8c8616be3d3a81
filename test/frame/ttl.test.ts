import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { newId } from "../../src/frame/id.ts";
import { expiresAt, formatTtl, parseTtl, type Ttl } from "../../src/frame/ttl.ts";

describe("a time to live", () => {
  test.each<[string, Ttl]>([
    ["forever", { kind: "forever" }],
    ["ephemeral", { kind: "ephemeral" }],
    ["time:0", { kind: "time", ms: 0 }],
    ["time:1000", { kind: "time", ms: 1_000 }],
    ["last:1", { kind: "last", count: 1 }],
    ["head:3", { kind: "last", count: 3 }],
    ["last:9007199254740991", { kind: "last", count: Number.MAX_SAFE_INTEGER }],
  ])("is read from %j", (text, ttl) => {
    expect(parseTtl(text)).toEqual(ttl);
  });

  test.each([
    [""],
    ["Forever"],
    ["forever:1"],
    ["time"],
    ["time:"],
    ["time:abc"],
    ["time:-1"],
    ["time:1.5"],
    ["time:1e3"],
    ["time: 1"],
    ["last"],
    ["last:0"],
    ["last:-1"],
    ["head"],
    ["head:0"],
    ["last:9007199254740993"],
    ["last:99999999999999999999"],
    ["last:1:2"],
  ])("is not read from %j, and the refusal names ttl and the text", (text) => {
    expect(() => parseTtl(text)).toThrow(`ttl: ${JSON.stringify(text)}`);
  });

  test("comes back from its text", () => {
    const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const ttl = fc.oneof(
      fc.constant<Ttl>({ kind: "forever" }),
      fc.constant<Ttl>({ kind: "ephemeral" }),
      count.map((ms): Ttl => ({ kind: "time", ms })),
      count.map((n): Ttl => ({ kind: "last", count: n })),
    );
    fc.assert(fc.property(ttl, (value) => expect(parseTtl(formatTtl(value))).toEqual(value)));
  });
});

test("only a time: frame has a millisecond at which it ends, counted from its id", () => {
  const id = newId(1_000);
  expect(expiresAt(id, { kind: "time", ms: 50 })).toBe(1_050);
  expect(expiresAt(id, { kind: "time", ms: Number.MAX_SAFE_INTEGER })).toBe(Number.MAX_SAFE_INTEGER);
  expect(expiresAt(id, { kind: "last", count: 1 })).toBeNull();
  expect(expiresAt(id, { kind: "forever" })).toBeNull();
  expect(expiresAt(id, null)).toBeNull();
});
