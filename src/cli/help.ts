// Help texts: what there is, and how each command is used.
import type { Command } from "./command.ts";

/** What the exit codes mean, for the help and the man page. */
export const EXIT_CODES = "0 done, 1 failed, 2 wrong usage, 3 cannot reach the store, 4 not found, 5 conflict";

/** The list of commands. */
export function overview(commands: readonly Command[]): string {
  return [
    "xs - an event stream store for personal, local-first use\n",
    "Usage: xs <command> <addr> ...\n",
    "Commands:",
    ...table(commands.map(({ name, summary }) => [name, summary])),
    "",
    "<addr> is a store directory, a socket, :PORT, HOST:PORT or a URL.",
    `Exit codes: ${EXIT_CODES}.`,
    "More: xs help <command>",
    "",
  ].join("\n");
}

/** A command line in general: what a command takes, in order. */
export function synopsis({ name, positionals, flags }: Pick<Command, "name" | "positionals" | "flags">): string {
  const words = Object.entries(positionals).map(([word, { optional }]) => (optional ? `[${word}]` : `<${word}>`));
  return ["xs", name, ...words, ...(Object.keys(flags).length > 0 ? ["[flags]"] : [])].join(" ");
}

/** The help of one command. */
export function usageOf({ name, summary, positionals, flags, examples, notes }: Command): string {
  const words = Object.keys(positionals);
  const hasFlags = Object.keys(flags).length > 0;
  const sections = [`xs ${name}: ${summary}\n`, `Usage: ${synopsis({ name, positionals, flags })}\n`];
  if (words.length > 0) {
    sections.push("Arguments:", ...table(Object.entries(positionals).map(([word, p]) => [word, p.description])), "");
  }
  if (hasFlags) {
    const rows = Object.entries(flags).map(([flag, { alias, value, description }]): [string, string] => [
      `${alias === undefined ? "    " : `-${alias}, `}--${flag}${value === undefined ? "" : ` <${value}>`}`,
      description,
    ]);
    sections.push("Flags:", ...table(rows), "");
  }
  sections.push("Examples:", ...examples.map(([line, what]) => `  ${line}\n      ${what}`), "");
  sections.push(...notes.map((note) => `${wrapped(note)}\n`), `Exit codes: ${EXIT_CODES}.`);
  return `${sections.join("\n")}\n`;
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function wrapped(text: string, width = 100): string {
  let [line, out] = ["", ""];
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > width) [out, line] = [`${out}${line}\n`, word];
    else line = line === "" ? word : `${line} ${word}`;
  }
  return out + line;
}
