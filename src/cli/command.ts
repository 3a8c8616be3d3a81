// What every command shares: how it is described, how its arguments are read, and how it fails.
import type { ArgsDef } from "citty";
import { type ErrorCode, invalid, quote, XsError } from "../error.ts";
import { writeErr } from "./output.ts";

/** What a shell may offer in the place of a value: names of a kind, or these words. */
export type Completion = "store" | "directory" | "topic" | "topics" | "command" | readonly string[];

/** A flag; one with a value takes it from `--name value` or `--name=value`. */
export type Flag = {
  readonly description: string;
  readonly alias?: string;
  /** What stands for the value in the help; a flag without it is a switch. */
  readonly value?: string;
  readonly complete?: Completion;
};

export type Positional = {
  readonly description: string;
  readonly optional?: true;
  readonly complete?: Completion;
};

/** The argument that almost every command begins with. */
export const ADDRESS = {
  description: "a store directory, a socket, :PORT, HOST:PORT or a URL",
  complete: "store",
} as const;

type Flags = Readonly<Record<string, Flag>>;
type Positionals = Readonly<Record<string, Positional>>;

/** The arguments of a run: positionals and values as text, switches as booleans. */
export type Arguments<P extends Positionals, F extends Flags> = {
  readonly [K in keyof P]: P[K] extends { readonly optional: true } ? string | undefined : string;
} & { readonly [K in keyof F]: F[K] extends { readonly value: string } ? string | undefined : boolean };

/** A command as the help, the completions and the parser see it. */
export type Command = {
  readonly name: string;
  readonly summary: string;
  readonly positionals: Positionals;
  readonly flags: Flags;
  /** Each a command line and what it does. */
  readonly examples: readonly (readonly [string, string])[];
  /** What else a user must know, a paragraph each. */
  readonly notes: readonly string[];
  readonly run: (args: readonly string[]) => Promise<number | void>;
};

type Definition<P extends Positionals, F extends Flags> = Omit<Command, "run" | "positionals" | "flags" | "notes"> & {
  readonly positionals: P;
  readonly flags: F;
  readonly notes?: readonly string[];
  /** Answers the exit code when it is not 0. */
  readonly run: (args: Arguments<P, F>) => Promise<number | void>;
};

/** Makes a command whose arguments are checked strictly before it runs. */
export function command<const P extends Positionals, const F extends Flags>(definition: Definition<P, F>): Command {
  const { name, positionals, flags, run } = definition;
  return {
    notes: [],
    ...definition,
    run: async (args) => {
      const words = checkArguments(name, args, positionals, flags);
      return run((await parse(args, words, positionals, flags)) as Arguments<P, F>);
    },
  };
}

// Most calls are words alone, and there is nothing to parse: the parser brings node:util, which is 2 of a client's 10 ms.
// (Loops, here and below: in a process that runs this once, a chain of array methods takes several times as long.)
async function parse(
  args: readonly string[],
  words: readonly string[],
  positionals: Positionals,
  flags: Flags,
): Promise<unknown> {
  if (words.length < args.length) {
    const { parseArgs } = await import("citty");
    return parseArgs<ArgsDef>([...args], argsDef(positionals, flags));
  }
  const given: Record<string, string | boolean | undefined> = {};
  let at = 0;
  for (const name in positionals) given[name] = words[at++];
  for (const name in flags) if (flags[name]?.value === undefined) given[name] = false;
  return given;
}

function argsDef(positionals: Positionals, flags: Flags): ArgsDef {
  const def: ArgsDef = {};
  for (const [name, { optional }] of Object.entries(positionals))
    def[name] = { type: "positional", required: !optional };
  for (const [name, { alias, value }] of Object.entries(flags)) {
    def[name] = { type: value === undefined ? "boolean" : "string", ...(alias === undefined ? {} : { alias }) };
  }
  return def;
}

// The parser takes whatever looks like a flag. Here a flag that the command does not have, a value that is missing and an
// argument too many are errors, for a misspelt flag must never be a silent one.
// Answers the words among the arguments.
function checkArguments(command: string, args: readonly string[], positionals: Positionals, flags: Flags): string[] {
  const usage = (fault: string): XsError => invalid(`${fault}; see: xs help ${command}`);
  const namedBy = (letter: string): string | undefined =>
    Object.keys(flags).find((name) => flags[name]?.alias === letter);
  const words: string[] = [];
  const seen = new Set<string>();
  const take = (name: string | undefined, shown: string, hasValue: boolean, next: string | undefined): boolean => {
    const flag = name === undefined ? undefined : flags[name];
    if (name === undefined || flag === undefined) throw usage(`${command} has no flag ${shown}`);
    if (seen.has(name)) throw usage(`--${name} is given twice`);
    seen.add(name);
    if (flag.value === undefined) {
      if (hasValue) throw usage(`--${name} takes no value`);
      return false;
    }
    if (hasValue) return false;
    if (next === undefined) throw usage(`--${name} needs a value (${flag.value})`);
    return true;
  };
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") {
      words.push(...args.slice(at + 1));
      break;
    }
    if (arg.startsWith("--")) {
      const [name, hasValue] = [arg.slice(2).split("=", 1)[0] ?? "", arg.includes("=")];
      const known = Object.hasOwn(flags, name) ? name : undefined;
      if (take(known, `--${name}`, hasValue, args[at + 1])) at++;
    } else if (arg.startsWith("-") && arg.length > 1) {
      for (let index = 1; index < arg.length; index++) {
        const letter = arg.charAt(index);
        const rest = index < arg.length - 1;
        const name = namedBy(letter);
        const takesValue = name !== undefined && flags[name]?.value !== undefined;
        if (takesValue && rest) {
          take(name, `-${letter}`, true, undefined);
          break;
        }
        if (take(name, `-${letter}`, false, args[at + 1])) at++;
      }
    } else {
      words.push(arg);
    }
  }
  const names = Object.keys(positionals);
  const missing = names.slice(words.length).find((name) => !positionals[name]?.optional);
  if (missing !== undefined) throw usage(`${command} needs <${missing}>`);
  if (words.length > names.length) throw usage(`${command} does not take ${quote(words[names.length] ?? "")}`);
  return words;
}

/** Exit codes of the contract. `unavailable` is 3, for most often it means that nobody answers. */
const EXIT_CODE = {
  invalid: 2,
  too_large: 2,
  unauthorized: 1,
  forbidden: 1,
  not_found: 4,
  conflict: 5,
  unavailable: 3,
  no_space: 1,
  internal: 1,
} as const satisfies Record<ErrorCode, number>;

/** Tells a failure on stderr, and answers the exit code. */
export function report(error: unknown): number {
  if (error instanceof XsError) {
    writeErr(`xs: ${error.message}\n`);
    return EXIT_CODE[error.code];
  }
  writeErr(`xs: ${error instanceof Error ? error.message : String(error)}\n`);
  if (process.env["XS_DEBUG"] && error instanceof Error) writeErr(`${error.stack}\n`);
  return 1;
}
