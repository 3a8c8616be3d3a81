// xs help: what there is, and how each command is used; the man page and the completions come from the same definitions.
import { invalid, quote } from "../error.ts";
import { type Command, command } from "./command.ts";
import { writeOut } from "./output.ts";
import { COMMANDS, loadCommand } from "./table.ts";

const EXIT_CODES = "0 done, 1 failed, 2 wrong usage, 3 cannot reach the store, 4 not found, 5 conflict";

const help: Command = command({
  name: "help",
  summary: "print this, or the help of a command",
  positionals: { command: { description: "a command", optional: true } },
  flags: {},
  examples: [["xs help append", "how to append"]],
  async run({ command: name }): Promise<void> {
    if (name === undefined) return writeOut(await overview());
    if (name === "help") return writeOut(usageOf(help));
    if (!Object.hasOwn(COMMANDS, name)) throw invalid(`there is no command ${quote(name)}; see: xs help`);
    writeOut(usageOf(await loadCommand(name)));
  },
});

export default help;

/** The list of commands. */
export async function overview(): Promise<string> {
  const commands = await Promise.all(Object.keys(COMMANDS).map(loadCommand));
  return [
    "xs - an event stream store for personal, local-first use\n",
    "Usage: xs <command> <addr> ...\n",
    "Commands:",
    ...table([...commands, help].map(({ name, summary }) => [name, summary])),
    "",
    "<addr> is a store directory, a socket, :PORT, HOST:PORT or a URL.",
    `Exit codes: ${EXIT_CODES}.`,
    "More: xs help <command>",
    "",
  ].join("\n");
}

/** The help of one command. */
export function usageOf({ name, summary, positionals, flags, examples, notes }: Command): string {
  const words = Object.entries(positionals).map(([word, { optional }]) => (optional ? `[${word}]` : `<${word}>`));
  const hasFlags = Object.keys(flags).length > 0;
  const sections = [
    `xs ${name}: ${summary}\n`,
    `Usage: xs ${[name, ...words, ...(hasFlags ? ["[flags]"] : [])].join(" ")}\n`,
  ];
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
