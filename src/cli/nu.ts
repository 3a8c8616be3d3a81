// xs nu: the Nushell module, printed, or installed where Nushell loads it at its start.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import module from "../../xs.nu" with { type: "text" };
import { invalid, XsError } from "../error.ts";
import { command } from "./command.ts";
import { writeErr, writeOut } from "./output.ts";

const MODULE_FILE = "xs.nu";
// Not xs.nu: it stands in a directory of its own kind, but a name that says what it does can be deleted without a doubt.
const AUTOLOAD_FILE = "xs-use.nu";

export default command({
  name: "nu",
  summary: "print the Nushell module, or install it",
  positionals: {},
  flags: {
    install: { description: "write the module and a file that loads it at the start of Nushell" },
    clean: { description: "remove both" },
    "lib-path": {
      value: "dir",
      description: "where the module goes; Nushell's scripts directory without it",
      complete: "directory",
    },
    "autoload-path": {
      value: "dir",
      description: "where the other file goes; Nushell's vendor/autoload without it",
      complete: "directory",
    },
  },
  examples: [
    ["xs nu --install", "from its next start on, Nushell has .append, .cat and the rest"],
    ["xs nu > xs.nu", "the module alone; load it with: use xs.nu *"],
  ],
  notes: ["It never asks. A file that is not its own it neither replaces nor removes."],
  async run({ install, clean, ...given }) {
    if (install && clean) throw invalid("--install and --clean do not go together");
    const { "lib-path": lib, "autoload-path": autoload } = given;
    if (!install && !clean) {
      if (lib !== undefined || autoload !== undefined) {
        throw invalid("--lib-path and --autoload-path go with --install or --clean; see: xs help nu");
      }
      return writeOut(module);
    }
    const modulePath = resolve(lib ?? join(nushellDir("config"), "scripts"), MODULE_FILE);
    const autoloadPath = resolve(autoload ?? join(nushellDir("data"), "vendor", "autoload"), AUTOLOAD_FILE);
    const files: readonly OwnFile[] = [
      { path: modulePath, text: module },
      // The whole path: it holds also when the user's NU_LIB_DIRS does not name the directory.
      { path: autoloadPath, text: `# Written by xs nu --install.\nuse ${quoteNu(modulePath)} *\n` },
    ];
    if (clean) return files.forEach(remove);
    // Both are checked before one is written.
    files.forEach(checkOwn);
    files.forEach(write);
  },
});

type OwnFile = { readonly path: string; readonly text: string };

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
const isOwn = ({ path, text }: OwnFile): boolean => firstLine(readFileSync(path, "utf8")) === firstLine(text);

function checkOwn(file: OwnFile): void {
  if (!existsSync(file.path) || isOwn(file)) return;
  throw new XsError(
    "conflict",
    `${file.path} is there and is not this program's; move it away, or choose another place`,
  );
}

function write({ path, text }: OwnFile): void {
  mkdirSync(resolve(path, ".."), { recursive: true });
  writeFileSync(path, text);
  writeErr(`xs: wrote ${path}\n`);
}

function remove(file: OwnFile): void {
  if (!existsSync(file.path)) return writeErr(`xs: there is no ${file.path}\n`);
  checkOwn(file);
  rmSync(file.path);
  writeErr(`xs: removed ${file.path}\n`);
}

/** Where Nushell keeps its own files, by its rules: `$nu.default-config-dir` and `$nu.data-dir`. */
function nushellDir(kind: "config" | "data"): string {
  const xdg = process.env[kind === "config" ? "XDG_CONFIG_HOME" : "XDG_DATA_HOME"];
  if (xdg) return join(xdg, "nushell");
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support", "nushell");
  return join(homedir(), ...(kind === "config" ? [".config"] : [".local", "share"]), "nushell");
}

// A raw string of Nushell, with as many # as keep it from ending early.
function quoteNu(text: string): string {
  const hashes = "#".repeat(1 + Math.max(0, ...[...text.matchAll(/'(#+)/g)].map(([, run = ""]) => run.length)));
  return `r${hashes}'${text}'${hashes}`;
}
