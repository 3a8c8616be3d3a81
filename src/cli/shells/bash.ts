// Completions for bash, from version 3.2 on (the one that macOS has).
import type { Command, Completion } from "../command.ts";
import { flagsOf, wordsOf } from "./describe.ts";

/** The script. */
export function bashScript(commands: readonly Command[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  return `# bash completion for xs; load it with: source <(xs completions bash)

# What stands before the cursor, as words: COMP_WORDS would be broken at each colon.
_xs_words() {
  local line=\${COMP_LINE:0:COMP_POINT}
  set -f
  words=($line)
  set +f
  if [[ -z $line || $line == *[[:space:]] ]]; then words+=(""); fi
}

# Offers what begins like the word under the cursor.
_xs_offer() {
  COMPREPLY+=($(compgen -W "$1" -- "$cur"))
}

_xs_directories() {
  local dir IFS=$'\\n'
  for dir in $(compgen -d -- "$cur"); do COMPREPLY+=("$dir"); done
  type compopt >/dev/null 2>&1 && compopt -o filenames
}

# The last topic of a comma list.
_xs_topics() {
  [[ -n $addr ]] || return
  local last=\${cur##*,}
  local topics=$("\${words[0]}" completions topics "$addr" "$last" 2>/dev/null)
  COMPREPLY+=($(compgen -P "\${cur%"$last"}" -W "$topics" -- "$last"))
}

_xs_kind() {
  case $1 in
    store | directory) _xs_directories ;;
    topic | topics) _xs_topics ;;
    command) _xs_offer "${names}" ;;
    =*) _xs_offer "\${1#=}" ;;
  esac
}

_xs() {
  local words cur command addr kind flags valued word prev at count=0
  COMPREPLY=()
  _xs_words
  cur=\${words[\${#words[@]} - 1]}
  if (( \${#words[@]} <= 2 )); then
    _xs_offer "${names} --help --version"
    return
  fi
  command=\${words[1]}
  prev=\${words[\${#words[@]} - 2]}
  case $command in
${commands.map(commandCase).join("\n")}
    *) return ;;
  esac
  # How many words of the command's own there are, without its flags and their values.
  for (( at = 2; at < \${#words[@]} - 1; at++ )); do
    word=\${words[at]}
    if [[ " $valued " == *" $word "* ]]; then (( at++ ))
    elif [[ $word != -* ]]; then
      (( count++ ))
      [[ $count == 1 ]] && addr=\${word/#\\~/$HOME}
    fi
  done
  if [[ " $valued " == *" $prev "* ]]; then
    case $command:$prev in
${commands.flatMap(flagCases).join("\n")}
    esac
  elif [[ $cur == -* ]]; then
    _xs_offer "$flags"
  else
    case $command:$count in
${commands.flatMap(wordCases).join("\n")}
    esac
  fi
  # What ends with a colon goes on.
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *: ]] && type compopt >/dev/null 2>&1; then
    compopt -o nospace
  fi
  # Readline replaces what follows the last colon only.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    local before=\${cur%"\${cur##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$before"}")
  fi
}

complete -F _xs xs
`;
}

function commandCase(command: Command): string {
  const flags = flagsOf(command);
  const all = flags.flatMap(({ names }) => names).join(" ");
  const valued = flags
    .filter(({ value }) => value !== null)
    .flatMap(({ names }) => names)
    .join(" ");
  return `    ${command.name}) flags="${all}" valued="${valued}" ;;`;
}

const flagCases = (command: Command): string[] =>
  flagsOf(command).flatMap(({ names, complete }) =>
    complete === null
      ? []
      : [`      ${names.map((name) => `${command.name}:${name}`).join(" | ")}) _xs_kind ${kindOf(complete)} ;;`],
  );

const wordCases = (command: Command): string[] =>
  wordsOf(command).flatMap(({ complete }, at) =>
    complete === null ? [] : [`      ${command.name}:${at}) _xs_kind ${kindOf(complete)} ;;`],
  );

const kindOf = (complete: Completion): string => (typeof complete === "string" ? complete : `"=${complete.join(" ")}"`);
