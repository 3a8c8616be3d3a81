// Every example of the README and of docs/ is run, each page in a directory of its own, and prints what the page says. XS_DOCS_UPDATE=1 writes what it prints.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { normalized, runSteps, stepsOf, withOutputs } from "../support/console.ts";
import { filesOf, whyNot, writeFiles } from "../support/page-files.ts";
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
  const files = filesOf(text);
  const reason = await whyNot(files.map(({ language }) => language));
  if (reason !== null) console.warn(`${page}: its programs are not run: ${reason}`);

  if (steps.length === 0) continue;
  test.concurrent.if(reason === null)(`${page}: every command prints what the page says`, async () => {
    const dir = temporaryDir();
    writeFiles(files, dir.path);
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
}

for (const page of PAGES) {
  const text = readFileSync(join(ROOT, page), "utf8");

  test(`${page}: every link leads to a file that is there, and to a heading of it`, () => {
    const targets = [...prose(text).matchAll(/\]\(([^):\s]+)\)/g)].map(([, target = ""]) => target);
    expect(targets.filter((target) => !leadsSomewhere(page, target))).toEqual([]);
  });
}

// Code may hold what looks like a link.
function prose(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```$/gms, "").replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = "", heading] = target.split("#");
  const file = path === "" ? join(ROOT, page) : join(ROOT, dirname(page), path);
  if (!existsSync(file)) return false;
  return heading === undefined || headingsOf(readFileSync(file, "utf8")).includes(heading);
}

// As GitHub names them.
function headingsOf(markdown: string): string[] {
  return [...prose(markdown).matchAll(/^#+ (.*)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("every page of docs/ is reached from the README or from docs/README.md", () => {
  const readers = ["README.md", "docs/README.md"].filter((page) => existsSync(join(ROOT, page)));
  const text = readers.map((page) => readFileSync(join(ROOT, page), "utf8")).join("\n");
  const unreached = pagesBelow("docs").filter(
    (page) => !page.startsWith("docs/adr/") && statSync(join(ROOT, page)).isFile(),
  );
  expect(unreached.filter((page) => !text.includes(page.replace(/^docs\//, "")))).toEqual([]);
});
