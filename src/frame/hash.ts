// Content hashes: SHA-256 in the form of Subresource Integrity (https://www.w3.org/TR/SRI/).
import { invalid, quote } from "../error.ts";

declare const hashBrand: unique symbol;

/** `sha256-` and 44 characters of base64; the one canonical spelling of its 32 bytes. */
export type Hash = string & { readonly [hashBrand]: true };

const PREFIX = "sha256-";
const HASH_PATTERN = /^sha256-[A-Za-z0-9+/]{43}=$/;

/** Reads a hash; throws `invalid`, also for base64 with stray bits, which would be a second name of the same content. */
export function parseHash(text: string): Hash {
  if (HASH_PATTERN.test(text)) {
    const hash = hashOf(Buffer.from(text.slice(PREFIX.length), "base64"));
    if (hash === text) return hash;
  }
  throw invalid(`${quote(text)} is not a content hash: sha256- and 44 characters of base64`);
}

/** The hash whose digest is these 32 bytes. */
export const hashOf = (digest: Uint8Array): Hash => `${PREFIX}${Buffer.from(digest).toString("base64")}` as Hash;

/** The 32 bytes of a hash. */
export const digestOf = (hash: Hash): Buffer => Buffer.from(hash.slice(PREFIX.length), "base64");
