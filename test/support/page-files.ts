// Programs that stand on a page: blocks such as ```python file=xs.py, put where the page's commands expect them.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { NU } from "./nu.ts";
import { run } from "./xs.ts";

export type PageFile = { readonly name: string; readonly language: string; readonly text: string };

/** The files that stand on a page. */
export function filesOf(markdown: string): PageFile[] {
  return [...markdown.matchAll(/^```(\w+) file=(\S+)\n(.*?)^```$/gms)].map(
    ([, language = "", name = "", text = ""]) => ({
      name,
      language,
      text,
    }),
  );
}

/** Writes them below a directory. */
export function writeFiles(files: readonly PageFile[], dir: string): void {
  for (const { name, text } of files) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

/** Puts what the tests bring along into a directory of commands: Bun and Nushell. */
export function installRuntimes(bin: string): void {
  symlinkSync(process.execPath, join(bin, "bun"));
  symlinkSync(NU, join(bin, "nu"));
}

/** Why programs of these languages cannot run here; null when they can. */
export async function whyNot(languages: readonly string[]): Promise<string | null> {
  if (languages.includes("python") && Bun.which("python3") === null) return "there is no python3";
  if (!languages.includes("go")) return null;
  if (Bun.which("go") === null) return "there is no go";
  // Go builds its standard library at first use, which takes a minute or more.
  const { stdout } = await run(["go", "list", "-f", "{{.Stale}}", "net/http"]);
  return stdout.trim() === "false" ? null : "Go has not built net/http on this machine yet: go build net/http";
}
