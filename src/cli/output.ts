// Standard output and error: written at once and in order, with a quiet end when nobody reads any more.
import { XsError } from "../error.ts";

// process.stdout would load Node's streams, which costs more than a whole append.
const STDOUT = 1;
const STDERR = 2;
// PIPE_BUF of POSIX: a pipe takes a write of this size whole or not at all.
const UNDIVIDED_BYTES_MAX = 512;
// An answer up to this size is read whole, which spares it a stream.
const WHOLE_BYTES_MAX = 64 * 1024;

/** Writes to stdout; blocks while a pipe is full. Ends the process quietly (code 0) when the reader has gone. */
export function writeOut(data: Uint8Array | string): void {
  if (!writeAll(STDOUT, bytesOf(data))) process.exit(0);
}

/** Writes to stdout as `writeOut` does; what is small goes out without node:fs, which takes 2 of a client's 10 ms to load. */
export async function print(data: Uint8Array | string): Promise<void> {
  if (!(await tryPrint(data))) process.exit(0);
}

/** The same for who has more to do than to print: false when the reader has gone. */
export async function tryPrint(data: Uint8Array | string): Promise<boolean> {
  const bytes = bytesOf(data);
  // Bun begins anew when a pipe that does not block has taken a part: only what cannot be divided is safe with it.
  if (bytes.length > UNDIVIDED_BYTES_MAX) return writeAll(STDOUT, bytes);
  return Bun.write(Bun.stdout, bytes).then(() => true, falseWhenUnread);
}

/** Writes a message to stderr. */
export function writeErr(text: string): void {
  if (!writeAll(STDERR, bytesOf(text))) process.exit(0);
}

const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : data;

// False when the reader has gone.
function writeAll(fd: number, bytes: Uint8Array): boolean {
  const { writeSync } = process.getBuiltinModule("node:fs");
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      // Someone made the pipe or terminal non-blocking: wait for room.
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") Bun.sleepSync(1);
      else return falseWhenUnread(error);
    }
  }
  return true;
}

function falseWhenUnread(error: unknown): false {
  if ((error as NodeJS.ErrnoException).code === "EPIPE") return false;
  throw error;
}

/**
 * Copies a response to stdout as it comes, and tells each chunk. Throws `internal` when the server ends it early, as one
 * that is killed does.
 */
export async function copyOut(
  response: Response,
  { follow = false, onChunk = () => undefined }: { follow?: boolean; onChunk?: (chunk: Uint8Array) => void } = {},
): Promise<void> {
  const stopWatching = follow ? (await import("./hangup.ts")).exitWhenReaderLeaves() : () => undefined;
  const length = response.headers.get("content-length");
  const expected = length === null ? null : Number(length);
  let bytes = 0;
  try {
    for await (const chunk of received(response, expected)) {
      await print(chunk);
      onChunk(chunk);
      bytes += chunk.length;
    }
  } finally {
    stopWatching();
  }
  if (expected !== null && expected !== bytes) {
    throw new XsError("internal", `the answer was cut short: ${bytes} of ${expected} bytes came`);
  }
}

async function* received(response: Response, expected: number | null): AsyncGenerator<Uint8Array> {
  const cutShort = (): never => {
    throw new XsError("internal", "the server ended the answer early: what came is not all of it");
  };
  if (expected !== null && expected <= WHOLE_BYTES_MAX) return yield await response.bytes().catch(cutShort);
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch(cutShort);
    if (done) return;
    yield value;
  }
}
