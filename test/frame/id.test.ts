import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { firstIdAt, ID_MIN, newId, nextId, packId, parseId, randomOf, timeOf } from "../../src/frame/id.ts";

const NOW_MS = 1_800_000_000_000;
const random = fc.stringMatching(/^[0-9A-HJKMNP-TV-Z]{16}$/);
const time = fc.integer({ min: 0, max: 281_474_976_710_654 });

describe("an id", () => {
  test("is read in either case and kept in upper case", () => {
    expect<string>(parseId("01m8xs5dbwn8w2cj3f0j9zpazr")).toBe("01M8XS5DBWN8W2CJ3F0J9ZPAZR");
  });

  test.each([
    ["", "not an id"],
    ["01M8XS5DBWN8W2CJ3F0J9ZPAZ", "not an id"],
    ["01M8XS5DBWN8W2CJ3F0J9ZPAZRX", "not an id"],
    ["81M8XS5DBWN8W2CJ3F0J9ZPAZR", "not an id"],
    ["01M8XS5DBWN8W2CJ3F0J9ZPAZI", "not an id"],
    ["01M8XS5DBWN8W2CJ3F0J9ZPAZU", "not an id"],
    ["01M8XS5DBWN8W2CJ3F0J9ZPA\n1", "not an id"],
    ["03d4q1qhbiv09ovtuhokw5yxv", "original xs"],
  ])("%j is refused: %s", (text, why) => {
    expect(() => parseId(text)).toThrow(why);
  });

  test("is put together from its two parts and taken apart again", () => {
    fc.assert(
      fc.property(time, random, (ms, text) => {
        const id = packId(ms, text);
        expect([timeOf(id), randomOf(id)]).toEqual([ms, text]);
        expect(parseId(id)).toBe(id);
      }),
    );
  });

  test.each([[-1], [1.5], [Number.NaN], [281_474_976_710_656]])("has no time %p", (ms) => {
    expect(() => packId(ms, "0000000000000000")).toThrow("not a time");
  });

  test.each([[""], ["000000000000000"], ["000000000000000U"]])("has no random part %j", (text) => {
    expect(() => packId(1, text)).toThrow("random part");
  });
});

describe("the next id", () => {
  test("is larger than the last, whatever the clock says", () => {
    fc.assert(
      fc.property(time, random, time, (lastMs, text, nowMs) => {
        const last = packId(lastMs, text);
        expect(nextId(last, nowMs) > last).toBe(true);
      }),
    );
  });

  test("carries the clock's time when the clock is ahead", () => {
    expect(timeOf(nextId(ID_MIN, NOW_MS))).toBe(NOW_MS);
  });

  test("stays in the last id's millisecond when the clock stands behind it", () => {
    const last = newId(NOW_MS);
    expect(timeOf(nextId(last, NOW_MS - 3_600_000))).toBe(NOW_MS);
  });

  test("goes into the next millisecond when the randomness of this one is used up", () => {
    const last = packId(NOW_MS, "ZZZZZZZZZZZZZZZZ");
    expect(timeOf(nextId(last, NOW_MS))).toBe(NOW_MS + 1);
    expect(nextId(last, NOW_MS) > last).toBe(true);
  });

  test("carries within the randomness", () => {
    expect<string>(nextId(packId(NOW_MS, "000000000000ZZZZ"), NOW_MS)).toBe(packId(NOW_MS, "0000000000010000"));
  });

  test("is random in a new millisecond", () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => nextId(ID_MIN, NOW_MS)));
    expect(ids.size).toBe(1_000);
  });
});

test("a millisecond begins with its first id", () => {
  const first = firstIdAt(NOW_MS);
  expect(timeOf(first)).toBe(NOW_MS);
  expect(first <= newId(NOW_MS)).toBe(true);
  expect(first > packId(NOW_MS - 1, "ZZZZZZZZZZZZZZZZ")).toBe(true);
});

test("ids compare as text in the order of their times", () => {
  fc.assert(fc.property(time, time, (a, b) => expect(newId(a + 1) < newId(b + 1) || a >= b).toBe(true)));
});
