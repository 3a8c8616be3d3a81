// Hangups: whether the reader of stdout is still there, asked without a write.
import { fstatSync } from "node:fs";
import { openCLibrary } from "./c-library.ts";

const STDOUT = 1;
// How often a follower looks whether its reader is still there.
const HANGUP_CHECK_MS = 100;
// poll(2): bits of revents.
const POLLERR = 0x8;
const POLLHUP = 0x10;

/**
 * Ends the process quietly when stdout is a pipe whose reader has gone; answers a function that ends the watch.
 *
 * A write would tell that (`xs cat -f | head -1`), but a quiet topic may never bring one. Only poll(2) tells without
 * writing, and nothing but the C library offers it.
 */
export function exitWhenReaderLeaves(): () => void {
  if (!fstatSync(STDOUT).isFIFO()) return () => undefined;
  // Without it a follower ends at its next write.
  const library = openCLibrary({ poll: { args: ["ptr", "u64", "i32"], returns: "i32" } });
  if (library === null) return () => undefined;
  const timer = setInterval(() => {
    const pollfd = new DataView(new ArrayBuffer(8));
    pollfd.setInt32(0, STDOUT, true);
    library.poll(new Uint8Array(pollfd.buffer), 1, 0);
    if ((pollfd.getInt16(6, true) & (POLLERR | POLLHUP)) !== 0) process.exit(0);
  }, HANGUP_CHECK_MS);
  return () => clearInterval(timer);
}
