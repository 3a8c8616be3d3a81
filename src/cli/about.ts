// The commands that describe the others: help and completions. They stand beside the table, which they need.
import { invalid, quote } from "../error.ts";
import { type Command, command, type Completion } from "./command.ts";
import { overview, usageOf } from "./help.ts";
import { writeOut } from "./output.ts";
import { COMMANDS, loadCommand } from "./table.ts";

/** Shells that have completions, each with what writes its script. */
const SHELLS = {
  bash: async () => (await import("./shells/bash.ts")).bashScript,
  zsh: async () => (await import("./shells/zsh.ts")).zshScript,
  fish: async () => (await import("./shells/fish.ts")).fishScript,
  nu: async () => (await import("./shells/nu.ts")).nuScript,
} as const satisfies Record<string, () => Promise<(commands: readonly Command[]) => string>>;

const isShell = (word: string): word is keyof typeof SHELLS => Object.hasOwn(SHELLS, word);

// More than a person reads, and few enough to come at once.
const TOPICS_MAX = 500;

const help: Command = command({
  name: "help",
  summary: "print this, or the help of a command",
  positionals: { command: { description: "a command", optional: true, complete: "command" } },
  flags: { man: { description: "print the manual page, which holds the help of all commands" } },
  examples: [
    ["xs help append", "how to append"],
    ["xs help --man > xs.1", "the manual page as a file; read it with: man ./xs.1"],
  ],
  async run({ command: name, man }): Promise<void> {
    if (man && name !== undefined) throw invalid("--man is the page of all commands; it takes no command");
    if (man) return writeOut((await import("./man.ts")).manPage(await allCommands()));
    if (name === undefined) return writeOut(overview(await allCommands()));
    const found = ABOUT[name] ?? (Object.hasOwn(COMMANDS, name) ? await loadCommand(name) : undefined);
    if (found === undefined) throw invalid(`there is no command ${quote(name)}; see: xs help`);
    writeOut(usageOf(found));
  },
});

const completions: Command = command({
  name: "completions",
  summary: "print the completions for a shell",
  positionals: {
    shell: { description: `one of ${Object.keys(SHELLS).join(", ")}`, complete: Object.keys(SHELLS) as Completion },
    addr: { description: "with topics in the place of a shell: the store", optional: true, complete: "store" },
    prefix: { description: "with topics: how they begin", optional: true },
  },
  flags: {},
  examples: [
    ["source <(xs completions bash)", "in ~/.bashrc"],
    ["source <(xs completions zsh)", "in ~/.zshrc, after compinit"],
    ["xs completions fish > ~/.config/fish/completions/xs.fish", "once"],
    ["xs completions nu > xs-completions.nu", "then in config.nu: use xs-completions.nu *"],
    [
      "xs completions topics ./store game.",
      "the topics of a store that begin so, a line each: what the shells ask for",
    ],
  ],
  async run({ shell, addr, prefix = "" }): Promise<void> {
    if (shell === "topics") {
      if (addr === undefined) throw invalid("completions topics needs <addr>; see: xs help completions");
      const { Client } = await import("../http/client.ts");
      const topics = await new Client(addr).topics({ prefix, limit: TOPICS_MAX });
      return writeOut(topics.map((topic) => `${topic}\n`).join(""));
    }
    if (!isShell(shell)) {
      throw invalid(`${quote(shell)} is not one of the shells ${Object.keys(SHELLS).join(", ")}`);
    }
    if (addr !== undefined) throw invalid(`completions ${shell} takes nothing more; see: xs help completions`);
    writeOut((await SHELLS[shell]())(await allCommands()));
  },
});

/** These commands by name. */
export const ABOUT: Readonly<Record<string, Command>> = { completions, help };

const allCommands = async (): Promise<Command[]> => [
  ...(await Promise.all(Object.keys(COMMANDS).map(loadCommand))),
  ...Object.values(ABOUT),
];
