// Ids: ULIDs (https://github.com/ulid/spec), upper case, and the rule that makes the next one larger than the last.
import { encodeTime, incrementBase32, ulid } from "ulid";
import { invalid, quote } from "../error.ts";

declare const idBrand: unique symbol;

/** A ULID: 10 characters of milliseconds since 1970, then 16 of randomness, in Crockford's base 32. Ids compare as text. */
export type Id = string & { readonly [idBrand]: true };

/** The smallest id, below every id that has ever been made. */
export const ID_MIN = "00000000000000000000000000" as Id;

// 7ZZZ... is the largest ULID: 48 bits of time fill 10 characters less 2 bits.
const ID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const TIME_CHARS = 10;
const ID_CHARS = 26;
const RANDOM_MAX = "ZZZZZZZZZZZZZZZZ";

/** Reads an id in either case; throws `invalid` for anything that is not a ULID. */
export function parseId(text: string): Id {
  if (ID_PATTERN.test(text)) return text as Id;
  const upper = text.toUpperCase();
  if (ID_PATTERN.test(upper)) return upper as Id;
  if (/^[0-9a-z]{25}$/.test(text)) {
    throw invalid(`${quote(text)} is an id of the original xs (25 characters); this store has ULIDs (26 characters)`);
  }
  throw invalid(`${quote(text)} is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR`);
}

// The digits of Crockford's base 32, and the value of each by its character code.
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS = new Uint8Array(128);
for (const [value, char] of [...ALPHABET].entries()) DIGITS[char.charCodeAt(0)] = value;

/** Milliseconds since 1970 at which the id was made. */
export function timeOf(id: Id): number {
  // Asked several times a frame: ulid's own decodeTime, which checks what an Id has been checked for, takes ten times as long.
  let ms = 0;
  for (let at = 0; at < TIME_CHARS; at++) ms = ms * 32 + (DIGITS[id.charCodeAt(at)] ?? 0);
  return ms;
}

/** The random part as 16 characters of Crockford's base 32. */
export const randomOf = (id: Id): string => id.slice(TIME_CHARS);

/** An id from its two parts; throws `invalid` when a part is out of range. */
export function packId(timeMs: number, random: string): Id {
  if (!Number.isInteger(timeMs) || timeMs < 0 || timeMs > 281_474_976_710_655) {
    throw invalid(`${quote(String(timeMs))} is not a time: whole milliseconds since 1970, below 2^48`);
  }
  if (!/^[0-9A-HJKMNP-TV-Z]{16}$/i.test(random)) {
    throw invalid(`${quote(random)} is not the random part of an id: 16 characters of Crockford's base 32`);
  }
  return parseId(encodeTime(timeMs) + random);
}

/** The smallest id that carries this time: the place where a millisecond begins. */
export const firstIdAt = (timeMs: number): Id => (encodeTime(timeMs) + ID_MIN.slice(TIME_CHARS)) as Id;

/** A new id that stands alone, for `xs id`. */
export const newId = (nowMs: number): Id => ulid(nowMs, randomUnit) as Id;

/**
 * The id after `last` at `nowMs`, always larger: a new millisecond draws new randomness; within one, or when the clock
 * stands behind `last`, the randomness goes up by one, and a full one carries into the time.
 */
export function nextId(last: Id, nowMs: number): Id {
  const lastMs = timeOf(last);
  if (nowMs > lastMs) return newId(nowMs);
  // 31 times of 32 only the last digit changes, and ulid's own increment looks at all of them.
  const digit = DIGITS[last.charCodeAt(ID_CHARS - 1)] ?? 0;
  if (digit < 31) return (last.slice(0, ID_CHARS - 1) + ALPHABET.charAt(digit + 1)) as Id;
  if (randomOf(last) === RANDOM_MAX) return newId(lastMs + 1);
  return (last.slice(0, TIME_CHARS) + incrementBase32(randomOf(last))) as Id;
}

// One pool of random bytes serves many ids: a system call for each would cost more than the rest of the id.
const pool = new Uint8Array(4096);
let poolAt = pool.length;

function randomUnit(): number {
  if (poolAt === pool.length) {
    crypto.getRandomValues(pool);
    poolAt = 0;
  }
  return (pool[poolAt++] ?? 0) / 256;
}
