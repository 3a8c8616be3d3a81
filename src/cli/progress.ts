// Progress of long work: one line on a terminal, nothing anywhere else.
import { isatty } from "node:tty";
import { writeErr } from "./output.ts";

// Often enough to look alive, seldom enough to cost nothing.
const SHOW_MS = 100;

/** A function that shows a count on stderr, and one that clears the line in the end. */
export function showProgress(what: string): { progress: (done: number, unit?: string) => void; clear: () => void } {
  if (!isatty(2)) return { progress: () => undefined, clear: () => undefined };
  let shownAt = 0;
  return {
    progress: (done, unit = "frames") => {
      if (Date.now() - shownAt < SHOW_MS) return;
      shownAt = Date.now();
      writeErr(`\r\x1b[K${what}: ${done.toLocaleString("en")} ${unit}`);
    },
    clear: () => writeErr("\r\x1b[K"),
  };
}
