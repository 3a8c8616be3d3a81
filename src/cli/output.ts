// Standard output and error: written at once and in order, with a quiet end when nobody reads any more.
import { fstatSync, writeSync } from "node:fs";
import { dlopen } from "bun:ffi";
import { XsError } from "../error.ts";

// process.stdout would load Node's streams, which costs more than a whole append.
const STDOUT = 1;
const STDERR = 2;
// How often a follower looks whether its reader is still there.
const HANGUP_CHECK_MS = 100;
// poll(2): bits of revents.
const POLLERR = 0x8;
const POLLHUP = 0x10;
const MUSL_ARCH = process.arch === "arm64" ? "aarch64" : "x86_64";

/** Writes to stdout; blocks while a pipe is full. Ends the process quietly (code 0) when the reader has gone. */
export function writeOut(data: Uint8Array | string): void {
  writeAll(STDOUT, data);
}

/** Writes a message to stderr. */
export function writeErr(text: string): void {
  writeAll(STDERR, text);
}

function writeAll(fd: number, data: Uint8Array | string): void {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Someone made the pipe or terminal non-blocking: wait for room.
      if (code === "EAGAIN") Bun.sleepSync(1);
      else if (code === "EPIPE") process.exit(0);
      else throw error;
    }
  }
}

/**
 * Copies a response to stdout as it comes, and tells each chunk. Throws `internal` when the server ends it early, as one
 * that is killed does.
 */
export async function copyOut(
  response: Response,
  { follow = false, onChunk = () => undefined }: { follow?: boolean; onChunk?: (chunk: Uint8Array) => void } = {},
): Promise<void> {
  const stopWatching = follow ? exitWhenReaderLeaves() : () => undefined;
  const expected = response.headers.get("content-length");
  let bytes = 0;
  try {
    for await (const chunk of received(response)) {
      writeOut(chunk);
      onChunk(chunk);
      bytes += chunk.length;
    }
  } finally {
    stopWatching();
  }
  if (expected !== null && Number(expected) !== bytes) {
    throw new XsError("internal", `the answer was cut short: ${bytes} of ${expected} bytes came`);
  }
}

async function* received(response: Response): AsyncGenerator<Uint8Array> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch(() => {
      throw new XsError("internal", "the server ended the answer early: what came is not all of it");
    });
    if (done) return;
    yield value;
  }
}

// A write would tell that the reader of a pipe is gone (`xs cat -f | head -1`), but a quiet topic may never bring one.
// Only poll(2) tells without writing, and nothing but the C library offers it.
function exitWhenReaderLeaves(): () => void {
  if (!fstatSync(STDOUT).isFIFO()) return () => undefined;
  const poll = openPoll();
  if (poll === null) return () => undefined;
  const timer = setInterval(() => {
    const pollfd = new DataView(new ArrayBuffer(8));
    pollfd.setInt32(0, STDOUT, true);
    poll(new Uint8Array(pollfd.buffer));
    if ((pollfd.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0) process.exit(0);
  }, HANGUP_CHECK_MS);
  return () => clearInterval(timer);
}

function openPoll(): ((pollfd: Uint8Array) => void) | null {
  const names = process.platform === "darwin" ? ["libSystem.B.dylib"] : ["libc.so.6", `libc.musl-${MUSL_ARCH}.so.1`];
  for (const name of names) {
    try {
      const { symbols } = dlopen(name, { poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });
      return (pollfd) => void symbols.poll(pollfd, 1, 0);
    } catch {
      // Not this C library; without any, a follower ends at its next write.
    }
  }
  return null;
}
