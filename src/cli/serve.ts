// xs serve: the server of one store, in the foreground.
import { invalid, quote } from "../error.ts";
import { idInLine } from "../frame/frame.ts";
import { timeOf } from "../frame/id.ts";
import { startServer } from "../server.ts";
import type { Fsync } from "../store/writer.ts";
import { command } from "./command.ts";
import { writeErr } from "./output.ts";

// Beside the codes of the contract, so that a supervisor can tell a dying disk from anything else.
const EXIT_DISK_FAILED = 6;
const EXIT_INTERRUPTED = 130;
// Before each write to the log: under load many lines go out together, and no answer and no follower waits behind one.
const LOG_PAUSE_MS = 10;

export default command({
  name: "serve",
  summary: "serve a store",
  positionals: { path: { description: "the store's directory; it is made if it is not there", complete: "directory" } },
  flags: {
    fsync: {
      value: "mode",
      description: "always (default), interval:<ms> or never: when an append reaches the disk",
      complete: ["always", "interval:", "never"],
    },
    quiet: { alias: "q", description: "do not print a line a frame" },
  },
  examples: [
    ["xs serve ./store", "serves ./store at ./store/sock until it is interrupted"],
    ["xs serve ./store --fsync interval:1000", "faster; a power cut may take the last second"],
  ],
  notes: [
    "Each frame is a line on stderr: local time, end of the id, topic.",
    "SIGTERM and SIGINT finish what was accepted and append xs.stopping. Exit code 5 when the store is served already, 6 " +
      "when the disk failed.",
  ],
  async run({ path, fsync, quiet }) {
    const { promise: ended, resolve: end } = Promise.withResolvers<number>();
    let [isServing, isFailed, isStopping] = [false, false, false];
    const server = await startServer(path, {
      fsync: fsync === undefined ? { kind: "always" } : parseFsync(fsync),
      onFrames: quiet ? null : logFrames,
      onFatal: (error) => {
        isFailed = true;
        writeErr(`xs: ${error.message}\n`);
        if (!isServing) process.exit(EXIT_DISK_FAILED);
        // The answers that say so are on their way; nothing else may be.
        setTimeout(() => process.exit(EXIT_DISK_FAILED), 100);
      },
    });
    isServing = true;
    const stop = (): void => {
      if (isStopping) process.exit(EXIT_INTERRUPTED);
      isStopping = true;
      void server.stop().then(() => end(isFailed ? EXIT_DISK_FAILED : 0));
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    return ended;
  },
});

function parseFsync(text: string): Fsync {
  if (text === "always" || text === "never") return { kind: text };
  const ms = /^interval:([0-9]{1,7})$/.exec(text)?.[1];
  if (ms !== undefined && Number(ms) >= 1) return { kind: "interval", ms: Number(ms) };
  throw invalid(`fsync: ${quote(text)} is neither always, never nor interval:<milliseconds, 1 or more>`);
}

async function logFrames(ndjson: Uint8Array): Promise<void> {
  await Bun.sleep(LOG_PAUSE_MS);
  const lines = Buffer.from(ndjson.buffer, ndjson.byteOffset, ndjson.length).toString().trimEnd().split("\n");
  await Bun.write(Bun.stderr, lines.map(logLine).join(""));
}

// The last second that was written out: under load a thousand lines share one.
let clock = { second: Number.NaN, text: "" };

function logLine(line: string): string {
  const id = idInLine(line);
  const topic = line.slice('{"topic":"'.length, line.indexOf('","id":"'));
  const ms = timeOf(id);
  const second = Math.floor(ms / 1000);
  if (clock.second !== second) clock = { second, text: new Date(ms).toTimeString().slice(0, "00:00:00".length) };
  return `${clock.text}.${String(ms % 1000).padStart(3, "0")} ${id.slice(-5)} ${topic}\n`;
}
