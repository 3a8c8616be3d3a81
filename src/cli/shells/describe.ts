// What the completions of every shell say, taken from the definitions of the commands.
import type { Command, Completion } from "../command.ts";

/** A flag as a shell sees it. */
export type ShellFlag = {
  readonly names: readonly string[];
  readonly long: string;
  readonly short: string | null;
  readonly description: string;
  /** Null for a switch. */
  readonly value: string | null;
  readonly complete: Completion | null;
};

/** A word that a command takes, in its place. */
export type ShellWord = {
  readonly name: string;
  readonly description: string;
  readonly isOptional: boolean;
  readonly complete: Completion | null;
};

/** The flags of a command, and the one that all have. */
export const flagsOf = ({ flags }: Command): ShellFlag[] => [
  ...Object.entries(flags).map(([long, { alias, description, value, complete }]) => ({
    names: [`--${long}`, ...(alias === undefined ? [] : [`-${alias}`])],
    long,
    short: alias ?? null,
    description,
    value: value ?? null,
    complete: complete ?? null,
  })),
  { names: ["--help", "-h"], long: "help", short: "h", description: "print the help", value: null, complete: null },
];

/** The words of a command. */
export const wordsOf = ({ positionals }: Command): ShellWord[] =>
  Object.entries(positionals).map(([name, { description, optional, complete }]) => ({
    name,
    description,
    isOptional: optional === true,
    complete: complete ?? null,
  }));
