// Standard input where it is a file: what is left of it, for others may have read from it before us.
import { fstatSync, readSync } from "node:fs";
import { openCLibrary } from "./c-library.ts";
import { writeErr } from "./output.ts";

const STDIN = 0;
// lseek(2).
const SEEK_SET = 0;
const SEEK_CUR = 1;
const CHUNK_BYTES = 64 * 1024;
// How often is looked whether a file that is being sent has become shorter.
const SHRUNK_CHECK_MS = 500;

/**
 * What is left of the file, for the kernel to send by itself; null when that is no more than `bytesMax`, or not known. It is
 * taken from stdin: who reads next, as in `{ xs append ...; cat; } < file`, finds nothing.
 */
export function restOfFile(bytesMax: number): Blob | null {
  const { size } = fstatSync(STDIN);
  if (size <= bytesMax) return null;
  const library = openCLibrary({ lseek: { args: ["i32", "i64", "i32"], returns: "i64" } });
  if (library === null) return null;
  const start = Number(library.lseek(STDIN, 0, SEEK_CUR));
  if (start < 0 || size - start <= bytesMax) return null;
  library.lseek(STDIN, size, SEEK_SET);
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

// Bun would wait for ever for bytes that a file has lost while the kernel sends it.
function exitWhenStdinShrinks(size: number): void {
  setInterval(() => {
    if (fstatSync(STDIN).size >= size) return;
    writeErr("xs: stdin became shorter while it was sent: whether it was stored is not known\n");
    process.exit(1);
  }, SHRUNK_CHECK_MS).unref();
}
