// npm run release: everything that docs/packaging/README.md lists, in dist/. The same commit gives the same bytes.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { type Entry, tarGz, zip } from "./archive.ts";
import { buildBinary } from "./build.ts";
import { formula, installScript, nixPackage, type ReleaseFacts, sumsFile } from "./packaging.ts";
import { runtimeFor } from "./runtimes.ts";
import { billOfMaterials } from "./sbom.ts";
import { commitOf, commitSeconds, VERSION } from "./source.ts";
import { archiveName, archiveStem, binaryName, isWindows, type Target, TARGETS } from "./targets.ts";

const ROOT = join(import.meta.dir, "..");
// A name that can never be someone's (RFC 2606): where releases lie is for whoever publishes them to say.
const NO_BASE_URL = "https://releases.example/xs";
// What an archive holds beside the binary; the first are files of the source, the others the program writes itself.
const SOURCE_FILES = ["LICENSE", "README.md", "xs.nu"];
const GENERATED_FILES: Readonly<Record<string, readonly string[]>> = {
  "xs.1": ["help", "--man"],
  "completions/xs.bash": ["completions", "bash"],
  "completions/_xs": ["completions", "zsh"],
  "completions/xs.fish": ["completions", "fish"],
  "completions/xs-completions.nu": ["completions", "nu"],
};

const { values } = parseArgs({
  options: {
    out: { type: "string", default: join(ROOT, "dist") },
    only: { type: "string" },
    "base-url": { type: "string", default: process.env["XS_BASE_URL"] ?? NO_BASE_URL },
  },
});

const out = values.out;
const baseUrl = values["base-url"].replace(/\/+$/, "");
const only = values.only?.split(",");
const targets = TARGETS.filter(({ name }) => only === undefined || only.includes(name));
const [commit, seconds] = [commitOf(), commitSeconds()];

if (targets.length === 0)
  throw new Error(`--only ${values.only}: there are ${TARGETS.map(({ name }) => name).join(", ")}`);
if (baseUrl === NO_BASE_URL) tell(`no --base-url: xs.rb and install.sh say ${NO_BASE_URL}, which nobody has`);
if (commit.endsWith("-dirty")) tell("files differ from the commit: these are not the bytes that others would get");

mkdirSync(out, { recursive: true });
const sums: Record<string, string> = {};
const archives: { target: Target; sha256: string }[] = [];
const common = [...sourceEntries(), ...generatedEntries()];
for (const target of targets) {
  const name = archiveName(VERSION, target);
  write(name, await archiveOf(target));
  archives.push({ target, sha256: sums[name] ?? "" });
}
write(`xs-v${VERSION}.cdx.json`, billOfMaterials(commit, seconds));
const facts: ReleaseFacts = { version: VERSION, baseUrl, archives };
write("install.sh", installScript(facts), 0o755);
if (only === undefined) {
  write("xs.rb", formula(facts));
  write("xs.nix", nixPackage(facts));
}
write("SHA256SUMS", sumsFile(sums));

async function archiveOf(target: Target): Promise<Uint8Array> {
  const dir = mkdtempSync(join(out, ".release-"));
  try {
    const outfile = join(dir, binaryName(target));
    await buildBinary({ outfile, commit, cross: { target, runtime: runtimeFor(target) } });
    const stem = archiveStem(VERSION, target);
    const binary: Entry = { name: binaryName(target), bytes: readFileSync(outfile), executable: true };
    const entries = [binary, ...common].map((entry) => ({ ...entry, name: `${stem}/${entry.name}` }));
    return isWindows(target) ? zip(entries, seconds) : tarGz(entries, seconds);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function sourceEntries(): Entry[] {
  return SOURCE_FILES.flatMap((name) => {
    const path = join(ROOT, name);
    if (existsSync(path)) return [{ name, bytes: readFileSync(path) }];
    tell(`${name} is not there; the archives go without it`);
    return [];
  });
}

function generatedEntries(): Entry[] {
  return Object.entries(GENERATED_FILES).map(([name, args]) => {
    const command = [process.execPath, join(ROOT, "src/main.ts"), ...args];
    const { exitCode, stdout, stderr } = Bun.spawnSync(command, { stdin: "ignore" });
    if (exitCode !== 0) throw new Error(`xs ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
    return { name, bytes: stdout };
  });
}

function write(name: string, data: Uint8Array | string, mode = 0o644): void {
  const path = join(out, name);
  // Whole or not at all.
  writeFileSync(`${path}.partial`, data, { mode });
  renameSync(`${path}.partial`, path);
  sums[name] = createHash("sha256").update(data).digest("hex");
  tell(`${basename(out)}/${name}`);
}

function tell(text: string): void {
  console.error(`release: ${text}`);
}
