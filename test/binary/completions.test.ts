// Completions in the real shells, each at a terminal of its own.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NU } from "../support/nu.ts";
import { installXs, type Shell, startShell } from "../support/shell.ts";
import { temporaryDir } from "../support/store.ts";
import { ok, run, type Served, serve, xs } from "../support/xs.ts";

const TAB = "\t";
// Removes what is typed and asks for a new prompt. Ctrl-C would be lost in a shell that is still busy with the completion.
const CANCEL = "\x15\r";

const dir = temporaryDir();
let server: Served;

beforeAll(async () => {
  installXs(dir.path);
  server = await serve(join(dir.path, "store"), ["--quiet"]);
  for (const topic of ["game.move", "weather.rain"]) await ok(["append", server.addr, topic]);
  for (const shell of ["bash", "zsh", "fish", "nu"]) {
    writeFileSync(join(dir.path, `xs-completions.${shell}`), await ok(["completions", shell]));
  }
});

afterAll(async () => {
  await server.kill();
  dir.remove();
});

type Case = {
  readonly name: string;
  readonly command: readonly string[];
  /** Checks the syntax of the script. */
  readonly check: readonly string[];
  /** Loads the script; then the prompt `ready>` shows that it is loaded. */
  readonly load: string;
};

const file = (shell: string): string => join(dir.path, `xs-completions.${shell}`);
const CASES: readonly Case[] = [
  {
    name: "bash",
    command: ["bash", "--norc", "--noprofile", "-i"],
    check: ["bash", "-n", file("bash")],
    load: "source <(xs completions bash); PS1=rea; PS1+='dy>'\r",
  },
  {
    name: "zsh",
    command: ["zsh", "-f", "-i"],
    check: ["zsh", "-n", file("zsh")],
    load: "autoload -U compinit; compinit -u; source <(xs completions zsh); PS1=rea; PS1+='dy>'\r",
  },
  {
    name: "zsh with a function file",
    command: ["zsh", "-f", "-i"],
    check: ["zsh", "-n", file("zsh")],
    load: "cp xs-completions.zsh _xs; fpath=($PWD $fpath); autoload -U compinit; compinit -u; PS1=rea; PS1+='dy>'\r",
  },
  {
    name: "fish",
    command: ["fish", "-i"],
    check: ["fish", "-n", file("fish")],
    load: "source xs-completions.fish; function fish_prompt; printf '%s%s' rea 'dy>'; end\r",
  },
  {
    name: "nu",
    command: [NU, "-n"],
    check: [NU, "-n", "-c", `use ${file("nu")} *`],
    load: "use xs-completions.nu *; $env.PROMPT_COMMAND = {|| $'rea(\"dy>\")' }\r",
  },
];

for (const { name, command, check, load } of CASES) {
  const isHere = Bun.which(command[0] ?? "") !== null;
  if (!isHere) console.warn(`SKIPPED: ${command[0]} is not installed; its completions are not tested`);

  test.skipIf(!isHere)(`the completions for ${name} have no fault of syntax`, async () => {
    expect(await run(check)).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  test.skipIf(!isHere)(`${name} completes commands, flags, words and the topics of the store at hand`, async () => {
    mkdirSync(join(dir.path, "config"), { recursive: true });
    const shell = startShell(command, dir.path);
    try {
      shell.type(load);
      await shell.shows("ready>");
      await completes(shell, "xs app", "xs append ");
      await completes(shell, "xs cat ./store --with-t", "--with-timestamp");
      await completes(shell, "xs append ./store notes --ttl eph", "ephemeral");
      await completes(shell, "xs append ./store game.", "game.move");
      await completes(shell, "xs append --ttl last:3 ./store wea", "weather.rain");
      await completes(shell, "xs cat ./store -T game.move,wea", "game.move,weather.rain");
      await completes(shell, "xs help cas-p", "cas-post");
    } finally {
      await shell.end();
    }
  });
}

// What is typed does not hold what is expected, so that only a completion can show it.
async function completes(shell: Shell, typed: string, expected: string): Promise<void> {
  shell.clear();
  shell.type(typed + TAB);
  await shell.shows(expected);
  shell.clear();
  shell.type(CANCEL);
  await shell.shows("ready>");
}

test("topics are told as a list, and nothing is told where no server is", async () => {
  expect(await ok(["completions", "topics", server.addr, "ga"])).toBe("game.move");
  expect((await ok(["completions", "topics", server.addr])).split("\n")).toEqual([
    "game.move",
    "weather.rain",
    "xs.start",
  ]);
  expect((await xs(["completions", "topics", join(dir.path, "nowhere")])).code).toBe(3);
  expect(await xs(["completions", "tcsh"])).toMatchObject({ code: 2, stderr: expect.stringContaining("bash, zsh") });
});
