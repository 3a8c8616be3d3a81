import { expect, test } from "bun:test";
import { parseRange } from "../../src/http/range.ts";

test.each([
  [null, "whole"],
  ["", "whole"],
  ["bytes=0-", { start: 0, end: 10 }],
  ["bytes=0-0", { start: 0, end: 1 }],
  ["bytes=3-5", { start: 3, end: 6 }],
  ["bytes=9-99", { start: 9, end: 10 }],
  ["bytes=-3", { start: 7, end: 10 }],
  ["bytes=-99", { start: 0, end: 10 }],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=10-", "unsatisfiable"],
  ["bytes=10-20", "unsatisfiable"],
  ["bytes=5-3", "whole"],
  ["bytes=-", "whole"],
  ["bytes=0-1,3-4", "whole"],
  ["items=0-1", "whole"],
  ["bytes=a-b", "whole"],
] as const)("of ten bytes, the range %j is %j", (header, expected) => {
  expect(parseRange(header, 10)).toEqual(expected);
});

test("no bytes have no range", () => {
  expect(parseRange("bytes=0-", 0)).toBe("unsatisfiable");
  expect(parseRange("bytes=-1", 0)).toBe("unsatisfiable");
});
