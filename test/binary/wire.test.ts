// The wire as earlier clients know it: kept transcripts, replayed over the socket.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { exchangesOf, filledIn, matchesLine, partsOf, requestText, send } from "../support/transcript.ts";
import { withServer } from "../support/xs.ts";

const FIXTURES = resolve(import.meta.dir, "../fixtures/wire");

for (const name of readdirSync(FIXTURES).filter((file) => file.endsWith(".txt"))) {
  test(`a client of ${name} is answered as it was`, async () => {
    const exchanges = exchangesOf(readFileSync(join(FIXTURES, name), "utf8"));
    expect(exchanges.length).toBeGreaterThan(5);
    await withServer(async ({ addr }) => {
      const kept = new Map<string, string>();
      for (const { line, request, answer } of exchanges) {
        const where = `${name}:${line}`;
        const { status, headers, body } = await send(
          join(addr, "sock"),
          requestText(request.map((text) => filledIn(text, kept))),
        );
        const { head, body: expected } = partsOf(answer);
        expect([where, status]).toEqual([where, head[0] ?? ""]);
        for (const field of head.slice(1)) {
          const [key = "", value = ""] = field.split(/: (.*)/);
          const found = (headers.get(key) ?? "").replace(/;.*/, "");
          expect([where, key, matchesLine(value, found, kept) ? value : found]).toEqual([where, key, value]);
        }
        const wanted = expected.length === 0 ? [""] : expected;
        const found = body.replace(/\n$/, "").split("\n");
        const matched = found.map((text, at) => (matchesLine(wanted[at] ?? "", text, kept) ? wanted[at] : text));
        expect([where, ...matched]).toEqual([where, ...wanted]);
      }
    });
  });
}
