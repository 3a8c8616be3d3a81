// xs backup: a copy of a live store that can be served as it is.
import { Client } from "../http/client.ts";
import { backupStore } from "../transfer/backup.ts";
import { ADDRESS, command } from "./command.ts";
import { writeErr, writeOut } from "./output.ts";
import { showProgress } from "./progress.ts";

export default command({
  name: "backup",
  summary: "copy a live store into a directory that can be served as it is",
  positionals: {
    addr: ADDRESS,
    dir: { description: "a directory that is new or empty, or holds an older backup", complete: "directory" },
  },
  flags: {},
  examples: [
    ["xs backup ./store /mnt/disk/store", "copies it; again later, only what is new of its content files"],
    ["xs serve /mnt/disk/store", "a backup is a store: to restore it, serve it, or a copy of it"],
  ],
  notes: [
    "The copy is the store at one moment, frames and content, and is checked as it is written; the older backup stays whole " +
      "until the new one is. A directory that was served since is refused (exit code 5), for it may hold frames of its own.",
    "Exit code 1 when the store is damaged or could not give some content; stderr names it.",
  ],
  async run({ addr, dir }) {
    const client = new Client(addr);
    await client.checkReachable();
    const { progress, clear } = showProgress("backup");
    const tell = (text: string): void => {
      clear();
      writeErr(`xs: ${text}\n`);
    };
    const done = await backupStore(client, dir, {
      progress,
      onFinding: ({ message, action }) => tell(`${message}; ${action}`),
      onMissing: (hash) => tell(`content ${hash} is missing or damaged in the store; it is not in the backup`),
    }).finally(clear);
    writeOut(`${JSON.stringify(done)}\n`);
    return done.missing > 0 || done.faults > 0 ? 1 : 0;
  },
});
