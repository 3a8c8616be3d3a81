// The table of commands (help, which needs it, stands beside it in main.ts). Each is loaded when it is asked for, so that none pays for the others at the start.
import type { Command } from "./command.ts";

/** Loads a command by its name. */
export const COMMANDS: Readonly<Record<string, () => Promise<{ default: Command }>>> = {
  serve: () => import("./serve.ts"),
  cat: () => import("./cat.ts"),
  append: () => import("./append.ts"),
  batch: () => import("./batch.ts"),
  cas: () => import("./cas.ts"),
  "cas-post": () => import("./cas-post.ts"),
  remove: () => import("./remove.ts"),
  head: () => import("./head.ts"),
  last: () => import("./last.ts"),
  get: () => import("./get.ts"),
  import: () => import("./import.ts"),
  export: () => import("./export.ts"),
  backup: () => import("./backup.ts"),
  check: () => import("./check.ts"),
  stat: () => import("./stat.ts"),
  gc: () => import("./gc.ts"),
  version: () => import("./version.ts"),
  id: () => import("./id.ts"),
  nu: () => import("./nu.ts"),
};

/** The command of this name, which is in the table. */
export async function loadCommand(name: string): Promise<Command> {
  const load = COMMANDS[name];
  if (load === undefined) throw new Error(`no command ${name}`);
  return (await load()).default;
}
