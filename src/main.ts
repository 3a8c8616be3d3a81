#!/usr/bin/env bun
// The program: finds the command, runs it, and turns its failure into a message and an exit code.
import pkg from "../package.json" with { type: "json" };
import { COMMANDS, loadCommand } from "./cli/table.ts";
import { invalid, quote } from "./error.ts";

// The build puts the commit here; the source itself has none.
declare const XS_COMMIT: string | undefined;

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") return about("help", []);
  if (name === "--version" || name === "-V") return version();
  const isAbout = name === "help" || name === "completions";
  if (!isAbout && !Object.hasOwn(COMMANDS, name)) throw invalid(`there is no command ${quote(name)}; see: xs help`);
  const flags = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined);
  if (flags.includes("--help") || flags.includes("-h")) return about("help", [name]);
  return isAbout ? about(name, args) : ((await (await loadCommand(name)).run(args)) ?? 0);
}

async function about(name: string, args: readonly string[]): Promise<number> {
  const { ABOUT } = await import("./cli/about.ts");
  return (await ABOUT[name]?.run(args)) ?? 0;
}

// Scripts ask this at their start: it loads nothing that it does not need.
async function version(): Promise<number> {
  const commit = typeof XS_COMMIT === "undefined" ? "dev" : XS_COMMIT;
  await Bun.write(Bun.stdout, `xs ${pkg.version} (${commit})\n`);
  return 0;
}

main(Bun.argv.slice(2))
  .catch(async (error: unknown) => (await import("./cli/command.ts")).report(error))
  .then((code) => process.exit(code));
