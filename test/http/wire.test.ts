import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseMeta } from "../../src/frame/meta.ts";
import { parseReadOptions } from "../../src/frame/read-options.ts";
import { parseFrame } from "../../src/frame/frame.ts";
import {
  decodeLines,
  decodeMeta,
  decodeReadQuery,
  encodeFrames,
  encodeMarker,
  encodeMeta,
  encodeReadQuery,
} from "../../src/http/wire.ts";
import { idAt } from "../support/frames.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const linesOf = async (text: string, size: number, max = 1_000): Promise<string[]> =>
  (await Array.fromAsync(decodeLines(inChunks(Buffer.from(text), size), max))).flat();

describe("what is encoded comes back", () => {
  test("as read options", () => {
    const rows = [
      {},
      { follow: "" },
      { follow: "500", new: "" },
      { after: idAt(5), topic: "a,b.*", limit: "3" },
      { from: idAt(5), last: "3", "with-timestamp": "" },
    ];
    for (const texts of rows) {
      const options = parseReadOptions(texts);
      expect(decodeReadQuery(new URLSearchParams(encodeReadQuery(options)))).toEqual(options);
    }
    expect(encodeReadQuery(parseReadOptions({}))).toBe("");
  });

  test("as meta", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const meta = parseMeta(json);
        if (meta !== null) expect(decodeMeta(encodeMeta(meta))).toBe(meta);
      }),
    );
    expect(decodeMeta(null)).toBeNull();
    expect(decodeMeta("")).toBeNull();
  });

  test("as lines, however the bytes are cut", async () => {
    const line = fc.stringMatching(/^[^\r\n]{1,20}$/).filter((text) => !text.includes("\ufffd") && text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.constantFrom("\n", "\r\n"),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (lines, end, isEnded, size) => {
          const text = lines.length > 0 && isEnded ? lines.join(end) + end : lines.join(end);
          expect(await linesOf(text, size)).toEqual(lines);
        },
      ),
    );
  });
});

test("lines that are empty are counted, too long ones and wrong UTF-8 are refused", async () => {
  for (const size of [1, 2, 100]) expect(await linesOf("\n\na\n\r\nb\n\n", size)).toEqual(["", "", "a", "", "b", ""]);
  for (const size of [100, 9_000]) {
    await expect(linesOf("x".repeat(2_000), size)).rejects.toMatchObject({ code: "too_large" });
    await expect(linesOf(`${"x".repeat(2_000)}\n`, size)).rejects.toMatchObject({ code: "too_large" });
  }
  await expect(Array.fromAsync(decodeLines(inChunks(new Uint8Array([65, 255, 10]), 1), 9))).rejects.toThrow("UTF-8");
  await expect(Array.fromAsync(decodeLines(inChunks(new Uint8Array([65, 0xc3]), 1), 9))).rejects.toThrow("UTF-8");
});

test.each([["{}"], ["a"], ["abcde"], ["YQ==,YQ=="], ["YQ===="], ["é"], ["Y Q="]])(
  "%j is no base64 of meta",
  (value) => {
    expect(() => decodeMeta(value)).toThrow("base64");
  },
);

test("stored frames have an id in an event stream, markers have none, and both carry a timestamp when asked", () => {
  const line = `{"topic":"a","id":"${idAt(1_000)}","hash":null,"meta":null,"ttl":"forever"}`;
  const bytes = Buffer.from(`${line}\n${line}\n`);
  const timed = line.replace("}", ',"timestamp":"1970-01-01T00:00:01.000Z"}');
  const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString();
  expect(encodeFrames(bytes, { kind: "ndjson", withTimestamp: false })).toBe(bytes);
  expect(text(encodeFrames(bytes, { kind: "ndjson", withTimestamp: true }))).toBe(`${timed}\n${timed}\n`);
  expect(text(encodeFrames(bytes, { kind: "sse", withTimestamp: false }))).toBe(
    `id: ${idAt(1_000)}\ndata: ${line}\n\n`.repeat(2),
  );
  for (const format of [
    { kind: "ndjson", withTimestamp: true },
    { kind: "sse", withTimestamp: false },
  ] as const) {
    // Followers that are handed the same frames share what is made of them; equal frames are not the same.
    expect(encodeFrames(bytes, format)).toBe(encodeFrames(bytes, format));
    expect(encodeFrames(bytes.slice(), format)).not.toBe(encodeFrames(bytes, format));
  }
  const marker = text(encodeMarker("pulse", idAt(1_000), { kind: "sse", withTimestamp: false }));
  expect(marker).toMatch(/^data: .*\n\n$/);
  expect<string>(parseFrame(marker.slice(6)).topic).toBe("xs.pulse");
});
