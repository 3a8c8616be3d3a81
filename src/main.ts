#!/usr/bin/env bun
// The program: finds the command, runs it, and turns its failure into a message and an exit code.
import { report } from "./cli/command.ts";
import { COMMANDS, loadCommand } from "./cli/table.ts";
import { invalid, quote } from "./error.ts";

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") return help([]);
  if (name === "help") return help(args);
  if (name === "--version" || name === "-V") return run("version", []);
  if (!Object.hasOwn(COMMANDS, name)) throw invalid(`there is no command ${quote(name)}; see: xs help`);
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  if (flags.includes("--help") || flags.includes("-h")) return help([name]);
  return run(name, args);
}

async function run(name: string, args: readonly string[]): Promise<number> {
  return (await (await loadCommand(name)).run(args)) ?? 0;
}

async function help(args: readonly string[]): Promise<number> {
  return (await (await import("./cli/help.ts")).default.run(args)) ?? 0;
}

main(Bun.argv.slice(2))
  .catch(report)
  .then((code) => process.exit(code));
