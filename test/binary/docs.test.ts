// Every example of the README and of docs/ is run, and prints what the page says. XS_DOCS_UPDATE=1 writes what it prints.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { normalized, runSteps, stepsOf, withOutputs } from "../support/console.ts";
import { temporaryDir } from "../support/store.ts";

const ROOT = resolve(import.meta.dir, "../..");
const PAGES = ["README.md", "CHANGELOG.md", ...pagesBelow("docs")];

function pagesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(dir, name))
    .toSorted();
}

for (const page of PAGES) {
  const text = readFileSync(join(ROOT, page), "utf8");
  const steps = stepsOf(text);

  test.if(steps.length > 0)(`${page}: every command prints what the page says`, async () => {
    const dir = temporaryDir();
    const outputs = await runSteps(steps, dir.path).finally(dir.remove);
    if (process.env["XS_DOCS_UPDATE"]) return writeFileSync(join(ROOT, page), withOutputs(text, outputs));
    for (const [at, { command, expected, line }] of steps.entries()) {
      expect([`line ${line}`, command, ...normalized(outputs[at] ?? [])]).toEqual([
        `line ${line}`,
        command,
        ...normalized(expected),
      ]);
    }
  });

  test(`${page}: every link to a file leads to one`, () => {
    const targets = [...text.matchAll(/\]\(([^)#:\s]+)(#[^)]*)?\)/g)].map(([, target = ""]) => target);
    const broken = targets.filter((target) => !existsSync(join(ROOT, dirname(page), target)));
    expect(broken).toEqual([]);
  });
}

test("every page of docs/ is reached from the README or from docs/README.md", () => {
  const readers = ["README.md", "docs/README.md"].filter((page) => existsSync(join(ROOT, page)));
  const text = readers.map((page) => readFileSync(join(ROOT, page), "utf8")).join("\n");
  const unreached = pagesBelow("docs").filter(
    (page) => !page.startsWith("docs/adr/") && statSync(join(ROOT, page)).isFile(),
  );
  expect(unreached.filter((page) => !text.includes(page.replace(/^docs\//, "")))).toEqual([]);
});
