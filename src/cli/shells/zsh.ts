// Completions for zsh, with what each thing does beside it.
import type { Command, Completion } from "../command.ts";
import { flagsOf, type ShellFlag, type ShellWord, wordsOf } from "./describe.ts";

/** The script: a function file for fpath, which can be sourced as well. */
export function zshScript(commands: readonly Command[]): string {
  return `#compdef xs
# zsh completion for xs; load it with: source <(xs completions zsh), or as a file _xs in a directory of fpath.

_xs_commands() {
  local -a commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join("\n")}
  )
  _describe -t commands command commands
}

# The last topic of a comma list, of the store that the line names.
_xs_topics() {
  local addr=\${(e)line[1]}
  [[ -n $addr ]] || return 1
  local -a topics=(\${(f)"$(_call_program topics xs completions topics \${(q)\${addr/#\\~/$HOME}} \${(q)PREFIX##*,} 2>/dev/null)"})
  compset -P '*,'
  compadd -a topics
}

_xs() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  if (( CURRENT == 2 )); then
    if [[ $PREFIX == -* ]]; then
      _arguments '--help[print the help]' '--version[print the version]'
    else
      _xs_commands
    fi
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join("\n")}
    *) _default ;;
  esac
}

if [[ $funcstack[1] == _xs ]]; then
  _xs "$@"
elif (( $+functions[compdef] )); then
  compdef _xs xs
fi
`;
}

function commandCase(command: Command): string {
  const specs = [...flagsOf(command).map(flagSpec), ...wordsOf(command).map(wordSpec)];
  return `    ${command.name})\n      _arguments -s \\\n        ${specs.join(" \\\n        ")}\n      ;;`;
}

function flagSpec({ names, long, short, description, value, complete }: ShellFlag): string {
  const about = `[${bracketed(description)}]`;
  const action = value === null ? "" : `:${value}:${actionOf(complete)}`;
  if (short === null) return quoted(`--${long}${value === null ? "" : "="}${about}${action}`);
  const forms = value === null ? `{-${short},--${long}}` : `{-${short}+,--${long}=}`;
  return `${quoted(`(${names.join(" ")})`)}${forms}${quoted(`${about}${action}`)}`;
}

const wordSpec = ({ name, isOptional, complete }: ShellWord, at: number): string =>
  quoted(`${at + 1}:${isOptional ? ":" : ""}${name}:${actionOf(complete)}`);

function actionOf(complete: Completion | null): string {
  if (complete === null) return " ";
  if (typeof complete !== "string") return `(${complete.map((word) => word.replaceAll(":", "\\:")).join(" ")})`;
  if (complete === "store" || complete === "directory") return "_files -/";
  return complete === "command" ? "_xs_commands" : "_xs_topics";
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const bracketed = (text: string): string => text.replaceAll(/[[\]:\\]/g, "\\$&");
