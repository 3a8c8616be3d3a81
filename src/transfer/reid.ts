// Ids of the original xs (SCRU128, https://github.com/scru128/spec) as ids of this one.
import { invalid } from "../error.ts";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ORIGINAL_ID = /^(\{"topic":"[^"\\]+","id":")([0-9a-z]{25})(".*)\}$/s;

/**
 * The line of a frame with its id converted, and the old one kept in meta as `original_id`; a line with a ULID as it is.
 * Both kinds of id are 128 bits that begin with 48 bits of milliseconds, so the conversion keeps time and order, and does
 * the same each time: importing a dump again changes nothing. Throws `invalid` for a meta that cannot take the old id.
 */
export function convertId(line: string): string {
  const frame = JSON.parse(line) as { id?: unknown; meta?: unknown };
  if (typeof frame.id !== "string" || !/^[0-9a-z]{25}$/i.test(frame.id)) return line;
  const old = frame.id.toLowerCase();
  const canonical = ORIGINAL_ID.exec(line);
  if (canonical === null) throw invalid("a frame of the original begins with its topic and its id");
  const [, head = "", , tail = ""] = canonical;
  return `${head}${ulidOf(old)}${withOldId(tail, old)}}`;
}

function ulidOf(original: string): string {
  let value = [...original].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
  if (value >= 1n << 128n) throw invalid(`"${original}" is not an id of the original: it has more than 128 bits`);
  let ulid = "";
  for (let at = 0; at < 26; at++, value >>= 5n) ulid = (CROCKFORD[Number(value & 31n)] ?? "") + ulid;
  return ulid;
}

// `tail` is the rest of the frame behind the id, from its closing quote on.
function withOldId(tail: string, old: string): string {
  const note = `"original_id":"${old}"`;
  if (/,"meta":null(,|$)/.test(tail)) return tail.replace(/,"meta":null(?=,|$)/, `,"meta":{${note}}`);
  if (tail.includes(',"meta":{}')) return tail.replace(',"meta":{}', `,"meta":{${note}}`);
  if (tail.includes(',"meta":{')) return tail.replace(',"meta":{', `,"meta":{${note},`);
  if (tail.includes(',"meta":')) throw invalid("the meta of a frame of the original is an object or null");
  return `${tail},"meta":{${note}}`;
}
