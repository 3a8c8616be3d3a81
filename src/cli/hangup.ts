// Hangups: whether the reader of stdout is still there, asked without a write.
import { fstatSync } from "node:fs";
import { dlopen } from "bun:ffi";

const STDOUT = 1;
// How often a follower looks whether its reader is still there.
const HANGUP_CHECK_MS = 100;
// poll(2): bits of revents.
const POLLERR = 0x8;
const POLLHUP = 0x10;
const MUSL_ARCH = process.arch === "arm64" ? "aarch64" : "x86_64";

/**
 * Ends the process quietly when stdout is a pipe whose reader has gone; answers a function that ends the watch.
 *
 * A write would tell that (`xs cat -f | head -1`), but a quiet topic may never bring one. Only poll(2) tells without
 * writing, and nothing but the C library offers it.
 */
export function exitWhenReaderLeaves(): () => void {
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
