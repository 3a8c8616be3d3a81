// Archives whose bytes follow from what is in them: names sorted, one time, one owner.
import { crc32, deflateRawSync, gzipSync } from "node:zlib";

/** A file of an archive. */
export type Entry = { readonly name: string; readonly bytes: Uint8Array; readonly executable?: boolean };

const TAR_BLOCK = 512;
const LEVEL = 9;

const sorted = (entries: readonly Entry[]): Entry[] =>
  [...entries].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
const modeOf = ({ executable = false }: Entry): number => (executable ? 0o755 : 0o644);

/** A tar archive in POSIX ustar form, compressed with gzip. `seconds` is the time of every file. */
export function tarGz(entries: readonly Entry[], seconds: number): Uint8Array {
  const blocks = sorted(entries).flatMap((entry) => {
    const padding = new Uint8Array((TAR_BLOCK - (entry.bytes.length % TAR_BLOCK)) % TAR_BLOCK);
    return [tarHeader(entry, seconds), entry.bytes, padding];
  });
  const tar = Buffer.concat([...blocks, new Uint8Array(2 * TAR_BLOCK)]);
  const gzip = gzipSync(tar, { level: LEVEL });
  // The header's time is 0 already; the system that compressed it is 255: unknown.
  gzip[9] = 255;
  return gzip;
}

function tarHeader(entry: Entry, seconds: number): Uint8Array {
  const header = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, at: number, width: number): void =>
    void header.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
  if (Buffer.byteLength(entry.name) > 100) throw new Error(`${entry.name} is too long a name for tar`);
  header.write(entry.name, 0);
  octal(modeOf(entry), 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(entry.bytes.length, 124, 12);
  octal(seconds, 136, 12);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  header.write("root", 265);
  header.write("root", 297);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** A zip archive. `seconds` is the time of every file. */
export function zip(entries: readonly Entry[], seconds: number): Uint8Array {
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const entry of sorted(entries)) {
    const name = Buffer.from(entry.name);
    const data = deflateRawSync(entry.bytes, { level: LEVEL });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    // Bit 11: the name is UTF-8.
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(dosTime(seconds), 6);
    common.writeUInt32LE(crc32(entry.bytes), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(entry.bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const directory = Buffer.alloc(14);
    directory.writeUInt32LE((0o100000 | modeOf(entry)) * 0x10000, 6);
    directory.writeUInt32LE(offset, 10);
    // Made by unix (3), so that the mode counts.
    central.push(Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, directory, name);
    const parts = [Buffer.from("PK\x03\x04", "latin1"), common, name, data];
    local.push(...parts);
    offset += parts.reduce((total, part) => total + part.length, 0);
  }
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(
    central.reduce((total, part) => total + part.length, 0),
    12,
  );
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, ...central, end]);
}

// Two seconds a step, from 1980 on, in no time zone: here UTC.
function dosTime(seconds: number): number {
  const time = new Date(seconds * 1000);
  const date = ((time.getUTCFullYear() - 1980) << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate();
  const clock = (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1);
  return ((date << 16) | clock) >>> 0;
}
