import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { digestOf, hashOf, parseHash } from "../../src/frame/hash.ts";

const CONTENT_HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";

describe("a hash", () => {
  test("of 'content' has the form of Subresource Integrity", () => {
    expect<string>(hashOf(new Bun.CryptoHasher("sha256").update("content").digest())).toBe(CONTENT_HASH);
  });

  test("comes back from its text and its digest", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
        const hash = hashOf(digest);
        expect(parseHash(hash)).toBe(hash);
        expect(new Uint8Array(digestOf(hash))).toEqual(digest);
      }),
    );
  });

  test.each([
    [""],
    ["sha256-"],
    [CONTENT_HASH.slice(7)],
    [CONTENT_HASH.slice(0, -1)],
    [`${CONTENT_HASH}=`],
    [CONTENT_HASH.replace("sha256", "sha512")],
    [CONTENT_HASH.replace("+", "-")],
    [CONTENT_HASH.replace("M=", "N=")],
    [` ${CONTENT_HASH}`],
    [`${CONTENT_HASH}\n`],
    ["sha256-../../../../../../../etc/passwd0000000000000="],
  ])("%j is none", (text) => {
    expect(() => parseHash(text)).toThrow("not a content hash");
  });
});
