// Completions for Nushell: the commands as externs, which also gives them help and highlighting.
import type { Command, Completion } from "../command.ts";
import { flagsOf, type ShellFlag, type ShellWord, wordsOf } from "./describe.ts";

/** The module. */
export function nuScript(commands: readonly Command[]): string {
  const words = commands.flatMap((command) => [
    ...wordsOf(command).map(({ name, complete }) => wordsCompleter(command.name, name, complete)),
    ...flagsOf(command).map(({ long, complete }) => wordsCompleter(command.name, long, complete)),
  ]);
  return [
    "# Nushell completions for xs; keep this as a file and load it with: use xs-completions.nu *",
    "",
    "# The last topic of a comma list, of the store that the line names.",
    'def "complete topic" [context: string]: nothing -> list<string> {',
    "  let words = $context | split row -r '\\s+'",
    "  let last = $words | last",
    "  let before = $last | str replace -r '[^,]*$' \"\"",
    `  let valued = {${commands
      .map(valuedFlags)
      .filter((text) => text !== "")
      .join(", ")}}`,
    '  let takes = $valued | get -o ($words | get -o 1 | default "") | default []',
    "  let own = $words | skip 2 | drop 1 | enumerate",
    "  let addr = $own",
    '    | where {|word| not ($word.item starts-with "-") }',
    "    | where {|word| $word.index == 0 or ($own | get ($word.index - 1)).item not-in $takes }",
    '    | get -o 0.item | default ""',
    "  let prefix = $last | str replace -r '^.*,' \"\"",
    '  let found = ^xs completions topics ($addr | str replace -r "^~" $nu.home-dir) $prefix | complete',
    "  if $found.exit_code != 0 { [] } else { $found.stdout | lines | each {|topic| $before + $topic } }",
    "}",
    "",
    'def "complete command" []: nothing -> list<string> {',
    `  [${commands.map(({ name }) => name).join(", ")}]`,
    "}",
    "",
    ...words.filter((text) => text !== ""),
    "# An event stream store for personal, local-first use",
    "export extern xs [",
    '  command?: string@"complete command"',
    "  --version(-V) # print the version",
    "  --help(-h) # print the help",
    "]",
    "",
    ...commands.flatMap(extern),
  ].join("\n");
}

// A word after one of these is the flag's and not the command's.
function valuedFlags(command: Command): string {
  const valued = flagsOf(command).filter(({ value }) => value !== null);
  return valued.length === 0 ? "" : `${command.name}: [${valued.flatMap(({ names }) => names).join(", ")}]`;
}

const wordsCompleter = (command: string, name: string, complete: Completion | null): string =>
  complete === null || typeof complete === "string"
    ? ""
    : `def "complete ${command} ${name}" []: nothing -> list<string> { [${complete.map((word) => `"${word}"`).join(", ")}] }\n`;

function extern(command: Command): string[] {
  return [
    `# ${command.summary.charAt(0).toUpperCase()}${command.summary.slice(1)}`,
    `export extern "xs ${command.name}" [`,
    ...wordsOf(command).map((word) => wordLine(command.name, word)),
    ...flagsOf(command).map((flag) => flagLine(command.name, flag)),
    "]",
    "",
  ];
}

const wordLine = (command: string, { name, description, isOptional, complete }: ShellWord): string =>
  `  ${name}${isOptional ? "?" : ""}: ${shapeOf(command, name, complete)} # ${description}`;

const flagLine = (command: string, { long, short, description, value, complete }: ShellFlag): string =>
  `  --${long}${short === null ? "" : `(-${short})`}${value === null ? "" : `: ${shapeOf(command, long, complete)}`} # ${description}`;

function shapeOf(command: string, name: string, complete: Completion | null): string {
  if (complete === null) return "string";
  if (typeof complete !== "string") return `string@"complete ${command} ${name}"`;
  if (complete === "store" || complete === "directory") return "directory";
  return complete === "command" ? 'string@"complete command"' : 'string@"complete topic"';
}
