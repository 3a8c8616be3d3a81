// Completions for fish, with what each thing does beside it.
import type { Command, Completion } from "../command.ts";
import { flagsOf, type ShellFlag, wordsOf } from "./describe.ts";

/** The script. */
export function fishScript(commands: readonly Command[]): string {
  return `# fish completion for xs; keep it as ~/.config/fish/completions/xs.fish

# The words before the cursor without flags and their values: the command, then its own words.
function __xs_words
    set -l tokens (commandline -opc)
    set -l valued
    switch "$tokens[2]"
${commands.flatMap(valuedCase).join("\n")}
    end
    set -l skip 0
    for token in $tokens[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $token $valued
            set skip 1
        else if not string match -q -- '-*' $token
            echo $token
        end
    end
end

function __xs_no_command
    test (count (__xs_words)) = 0
end

function __xs_command
    set -l words (__xs_words)
    test "$words[1]" = $argv[1]
end

# Whether the word under the cursor is this one of the command's own, counted from 1.
function __xs_word
    set -l words (__xs_words)
    test "$words[1]" = $argv[1]; and test (count $words) = $argv[2]
end

# The last topic of a comma list, of the store that the line names.
function __xs_topics
    set -l words (__xs_words)
    test (count $words) -ge 2; or return
    set -l token (commandline -ct)
    set -l last (string replace -r '^.*,' '' -- $token)
    set -l before (string replace -r '[^,]*$' '' -- $token)
    set -l topics (xs completions topics (string replace -r '^~' $HOME -- $words[2]) "$last" 2>/dev/null)
    for topic in $topics
        echo $before$topic
    end
end

function __xs_commands
    printf '%s\\n' ${commands.map(({ name }) => name).join(" ")}
end

complete -c xs -f
complete -c xs -n __xs_no_command -l version -s V -d 'print the version'
complete -c xs -n __xs_no_command -l help -s h -d 'print the help'
${commands.map(({ name, summary }) => `complete -c xs -n __xs_no_command -a ${name} -d ${quoted(summary)}`).join("\n")}
${commands.flatMap(commandLines).join("\n")}
`;
}

function valuedCase(command: Command): string[] {
  const valued = flagsOf(command)
    .filter(({ value }) => value !== null)
    .flatMap(({ names }) => names);
  return valued.length === 0 ? [] : [`        case ${command.name}`, `            set valued ${valued.join(" ")}`];
}

function commandLines(command: Command): string[] {
  return [
    "",
    ...flagsOf(command).map((flag) => flagLine(command.name, flag)),
    ...wordsOf(command).flatMap(({ complete }, at) =>
      complete === null ? [] : [`complete -c xs -n '__xs_word ${command.name} ${at + 1}' -a ${argumentsOf(complete)}`],
    ),
  ];
}

function flagLine(command: string, { long, short, description, value, complete }: ShellFlag): string {
  const words = [`complete -c xs -n '__xs_command ${command}' -l ${long}`];
  if (short !== null) words.push(`-s ${short}`);
  if (value !== null) words.push("-x");
  if (complete !== null) words.push(`-a ${argumentsOf(complete)}`);
  return [...words, `-d ${quoted(description)}`].join(" ");
}

function argumentsOf(complete: Completion): string {
  if (typeof complete !== "string") return quoted(complete.join(" "));
  if (complete === "store" || complete === "directory") return "'(__fish_complete_directories)'";
  return complete === "command" ? "'(__xs_commands)'" : "'(__xs_topics)'";
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
