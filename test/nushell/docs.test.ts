// The pages about Nushell: every example runs, in order, in one session on a new store, and gives the output that stands
// below it. XS_DOCS_UPDATE=1 writes what it gives.
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { MODULE, nuText, withNu } from "../support/nu.ts";

const ROOT = resolve(import.meta.dir, "../..");
/** The pages, and how many examples at least each has. */
const PAGES = { "README.md": 8, "docs/nushell.md": 30, "docs/howto/nushell.md": 10 };
const EXAMPLE = /```nu\n(.*?)```\n(?:\n```text\n(.*?)```\n)?/gs;
const SEPARATOR = "\u001e";
// As wide as a terminal on which tables show whole.
const WIDTH = 136;

for (const [page, examplesMin] of Object.entries(PAGES)) {
  test(`${page}: every example gives what the page shows`, async () => {
    const markdown = readFileSync(join(ROOT, page), "utf8");
    const examples = [...markdown.matchAll(EXAMPLE)].map(([, code = "", output]) => ({
      code: code.trimEnd(),
      output: output?.trimEnd(),
    }));
    expect(examples.length).toBeGreaterThanOrEqual(examplesMin);
    await withNu(async ({ server, env }) => {
      const steps = examples.map(({ code, output }) => (output === undefined ? `${code} | ignore` : shown(code)));
      const script = `use ${MODULE} *\n$env.config.use_ansi_coloring = false\n${steps.join(`\nprint "${SEPARATOR}"\n`)}`;
      // On ./store, as the page has it.
      const printed = (await nuText(script, join(server.addr, ".."), { ...env, XS_ADDR: "" })).split(SEPARATOR);
      if (process.env["XS_DOCS_UPDATE"]) return writeFileSync(join(ROOT, page), withPrinted(markdown, printed));
      for (const [index, { code, output }] of examples.entries()) {
        if (output !== undefined) {
          expect({ code, output: settled(printed[index] ?? "") }).toEqual({ code, output: settled(output) });
        }
      }
    });
  });
}

function shown(code: string): string {
  return `(${code}) | table --expand --width ${WIDTH} | print`;
}

function withPrinted(markdown: string, printed: readonly string[]): string {
  let at = 0;
  return markdown.replaceAll(EXAMPLE, (block, code: string, output?: string) => {
    const text = trimmed(printed[at++] ?? "");
    return output === undefined ? block : `\`\`\`nu\n${code}\`\`\`\n\n\`\`\`text\n${text}\n\`\`\`\n`;
  });
}

// Ids differ from run to run, but not in their length.
const settled = (text: string): string => trimmed(text).replaceAll(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "0".repeat(26));

// A line's end has no meaning.
const trimmed = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .trim();
