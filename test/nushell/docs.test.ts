// docs/nushell.md: every example runs, in order, in one session on a new store, and gives the output that stands below it.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MODULE, nuText, withNu } from "../support/nu.ts";

const PAGE = resolve(import.meta.dir, "../../docs/nushell.md");
const SEPARATOR = "\u001e";
// As wide as a terminal on which tables show whole.
const WIDTH = 136;

test("every example on the page gives what the page shows", async () => {
  const examples = [...readFileSync(PAGE, "utf8").matchAll(/```nu\n(.*?)```\n(?:\n```text\n(.*?)```\n)?/gs)].map(
    ([, code = "", output]) => ({ code: code.trimEnd(), output: output?.trimEnd() }),
  );
  expect(examples.length).toBeGreaterThan(30);
  await withNu(async ({ server, env }) => {
    const steps = examples.map(({ code, output }) =>
      output === undefined ? `${code} | ignore` : `(${code}) | table --expand --width ${WIDTH} | print`,
    );
    const script = `use ${MODULE} *\n$env.config.use_ansi_coloring = false\n${steps.join(`\nprint "${SEPARATOR}"\n`)}`;
    // On ./store, as the page has it.
    const printed = (await nuText(script, join(server.addr, ".."), { ...env, XS_ADDR: "" })).split(SEPARATOR);
    for (const [index, { code, output }] of examples.entries()) {
      if (output !== undefined) {
        expect({ code, output: settled(printed[index] ?? "") }).toEqual({ code, output: settled(output) });
      }
    }
  });
});

// Ids differ from run to run, but not in their length; a line's end has no meaning.
const settled = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trimEnd().replace(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "0".repeat(26)))
    .join("\n")
    .trim();
