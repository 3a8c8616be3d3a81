// What the program says of itself: its version, its manual page.
import { expect, test } from "bun:test";
import pkg from "../../package.json" with { type: "json" };
import { temporaryDir } from "../support/store.ts";
import { lines, ok, run, xs } from "../support/xs.ts";

test("--version tells the version and the commit, and version tells JSON", async () => {
  const commit = process.env["XS_BIN"] ? "(dev|[0-9a-f]{10}(-dirty)?)" : "dev";
  for (const flag of ["--version", "-V"])
    expect(await ok([flag])).toMatch(new RegExp(`^xs ${pkg.version.replaceAll(".", "\\.")} \\(${commit}\\)$`));
  expect(lines(await ok(["version"]))).toEqual([{ version: pkg.version }]);
});

test("the manual page has every command with its flags and examples, as the help has them", async () => {
  const page = (await ok(["help", "--man"])).replaceAll("\\-", "-").replaceAll("\\(aq", "'").replaceAll("\\e", "\\");
  const names = [...(await ok(["help"])).matchAll(/^ {2}([a-z-]+) {2}/gm)].map(([, name]) => name ?? "");
  expect(names).toContain("completions");
  for (const name of names) {
    const help = await ok(["help", name]);
    expect(page).toContain(/^Usage: (.*)$/m.exec(help)?.[1] ?? "no usage");
    for (const [flag] of help.matchAll(/--[a-z-]+(?= )/g)) expect(page).toContain(flag);
    const examples = [...(help.split("Examples:")[1] ?? "").matchAll(/^ {2}(\S.*)\n {6}/gm)];
    expect(examples.length).toBeGreaterThan(0);
    for (const [, example] of examples) expect(page).toContain(example ?? "");
  }
});

const MANDOC = Bun.which("mandoc");
if (MANDOC === null) console.warn("SKIPPED: mandoc is not installed; the manual page is not linted");
test.skipIf(MANDOC === null)("the manual page has no fault that mandoc finds", async () => {
  const { stdout } = await run(["mandoc", "-T", "lint", "-W", "warning"], { stdin: await ok(["help", "--man"]) });
  // The same source gives the same page at any time, so it has no date.
  expect(stdout.replaceAll(/^.*missing date.*\n/gm, "")).toBe("");
});

const MAN = Bun.which("man");
if (MAN === null) console.warn("SKIPPED: man is not installed; the manual page is not shown");
test.skipIf(MAN === null)("man shows the manual page without a warning", async () => {
  const dir = temporaryDir();
  try {
    await Bun.write(`${dir.path}/xs.1`, await ok(["help", "--man"]));
    const env = { MANWIDTH: "100", MAN_KEEP_FORMATTING: "", PAGER: "cat", LC_ALL: "C.UTF-8" };
    const { code, stdout, stderr } = await run(["man", "--warnings", "-l", `${dir.path}/xs.1`], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("xs append <addr> <topic> [flags]");
  } finally {
    dir.remove();
  }
});

test("help and completions have help of their own, and refuse what they do not know", async () => {
  for (const command of ["help", "completions"]) {
    expect(await ok([command, "--help"])).toContain(`Usage: xs ${command}`);
    expect((await xs([command, "--nope"])).code).toBe(2);
    expect((await xs([command, "nope"])).code).toBe(2);
  }
  expect((await xs(["help", "cat", "--man"])).code).toBe(2);
});
