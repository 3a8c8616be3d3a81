// The manual page, from the definitions that the help comes from.
import pkg from "../../package.json" with { type: "json" };
import type { Command, Flag } from "./command.ts";
import { EXIT_CODES, synopsis } from "./help.ts";

/** The page as roff, for man. */
export function manPage(commands: readonly Command[]): string {
  return [
    `.TH XS 1 "" "xs ${pkg.version}" "User Commands"`,
    ".SH NAME",
    "xs \\- an event stream store for personal, local\\-first use",
    ".SH SYNOPSIS",
    ".B xs",
    ".I command addr",
    "\\&...",
    ".SH DESCRIPTION",
    text(
      "xs keeps a stream of events: frames, each with a topic, an id in order of time, and content. One program is both " +
        "the server of a store (xs serve) and its client (all other commands).",
    ),
    ".PP",
    text(
      "addr is a store directory, a socket, :PORT, HOST:PORT or a URL. Data goes to standard output, messages go to " +
        "standard error.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap(commandPart),
    ".SH EXIT STATUS",
    ...EXIT_CODES.split(", ").flatMap((code) => tagged(code.split(" ")[0] ?? "", code.replace(/^\d+ /, ""))),
    ".SH FILES",
    ...tagged("<store>/sock", "the socket that a server listens on"),
    ...tagged("<store>/store.db", "the frames, and content that is small"),
    ...tagged("<store>/cas/", "larger content, a file each, named by its hash"),
    ".SH ENVIRONMENT",
    ...tagged("XS_ADDR", "the store that the Nushell commands use (see xs nu); ./store without it"),
    ...tagged("XS_DEBUG", "when set, an unforeseen error is printed with its stack"),
    "",
  ].join("\n");
}

function commandPart(command: Command): string[] {
  const { summary, positionals, flags, notes, examples } = command;
  return [
    `.SS ${escaped(synopsis(command))}`,
    text(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`),
    ...Object.entries(positionals).flatMap(([name, { description }]) => tagged(name, description, "I")),
    ...Object.entries(flags).flatMap(([name, flag]) => tagged(flagTag(name, flag), flag.description)),
    ...notes.flatMap((note) => [".PP", text(note)]),
    ".PP",
    "Examples:",
    ...examples.flatMap(([line, what]) => tagged(line, what)),
  ];
}

const flagTag = (name: string, { alias, value }: Flag): string =>
  `${alias === undefined ? "" : `-${alias}, `}--${name}${value === undefined ? "" : ` <${value}>`}`;

const tagged = (tag: string, what: string, font: "B" | "I" = "B"): string[] => [
  ".TP",
  `\\f${font}${escaped(tag)}\\fR`,
  text(what),
];

// A hyphen is one that can be copied, and nothing that a person wrote is a request.
const escaped = (plain: string): string =>
  plain.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("`", "\\(ga");
const text = (plain: string): string => escaped(plain).replace(/^\./, "\\&.");
