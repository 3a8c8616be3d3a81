// The place of a store: its directory, made for its owner alone and brought to the disk.
import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { XsError } from "../error.ts";
import { syncDirectory } from "./cas-layout.ts";

/** Makes the directory if it is not there. From here on nothing that this process makes is for other users. */
export function makePlace(dir: string): void {
  if (existsSync(dir) && !statSync(dir).isDirectory()) throw new XsError("invalid", `${dir} is not a directory`);
  // Not the database, not its log, not the socket.
  process.umask(0o077);
  const path = resolve(dir);
  const highest = mkdirSync(path, { recursive: true });
  chmodSync(path, 0o700);
  if (highest === undefined) return;
  // A new directory is on the disk once the one above it is, and so on up to the one that was there before.
  for (let made = path; ; made = dirname(made)) {
    syncDirectory(dirname(made));
    if (made === highest) return;
  }
}
