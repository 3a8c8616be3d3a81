// Standard input where it is a file: what is left of it, for others may have read from it before us.
import { fstatSync, readFileSync, readSync } from "node:fs";
import { writeErr } from "./output.ts";

const STDIN = 0;
const CHUNK_BYTES = 64 * 1024;
// How often is looked whether a file that is being sent has become shorter.
const SHRUNK_CHECK_MS = 500;

/** What is left of the file, for the kernel to send by itself; null when that is no more than `bytesMax`, or not known. */
export function restOfFile(bytesMax: number): Blob | null {
  const { size } = fstatSync(STDIN);
  const start = size > bytesMax ? position() : size;
  if (!(size - start > bytesMax)) return null;
  exitWhenStdinShrinks(size);
  return Bun.file(STDIN).slice(start, size);
}

/**
 * The next chunk of the file; null at its end. Bun's own stream of a file begins at its start, also where others have read
 * from it: `{ read -r line; xs append ...; }`.
 */
export async function readFile(): Promise<Uint8Array | null> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const bytes = readSync(STDIN, chunk);
  return bytes === 0 ? null : chunk.subarray(0, bytes);
}

// Where reading goes on; not a number where only the C library tells.
function position(): number {
  try {
    return Number(/^pos:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${STDIN}`, "utf8"))?.[1]);
  } catch {
    return Number.NaN;
  }
}

// Bun would wait for ever for bytes that a file has lost while the kernel sends it.
function exitWhenStdinShrinks(size: number): void {
  setInterval(() => {
    if (fstatSync(STDIN).size >= size) return;
    writeErr("xs: stdin became shorter while it was sent: whether it was stored is not known\n");
    process.exit(1);
  }, SHRUNK_CHECK_MS).unref();
}
