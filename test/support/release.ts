// A release in small, for tests of what names its files: archives whose binary is a script that starts the program.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tarGz, zip } from "../../scripts/archive.ts";
import { formula, installScript, nixPackage, type ReleaseFacts, sumsFile } from "../../scripts/packaging.ts";
import { VERSION } from "../../scripts/source.ts";
import { archiveName, archiveStem, binaryName, isWindows, TARGETS } from "../../scripts/targets.ts";
import { installXs } from "./shell.ts";

const OTHER_FILES = [
  "LICENSE",
  "README.md",
  "xs.1",
  "xs.nu",
  "completions/xs.bash",
  "completions/_xs",
  "completions/xs.fish",
  "completions/xs-completions.nu",
];

/** Writes a release into a directory, as `npm run release` does, and answers what is in it. */
export function smallRelease(dir: string, baseUrl: string): ReleaseFacts {
  mkdirSync(dir, { recursive: true });
  installXs(dir);
  const binary = readFileSync(join(dir, "xs"));
  const sums: Record<string, string> = {};
  const archives = TARGETS.map((target) => {
    const stem = archiveStem(VERSION, target);
    const entries = [
      { name: `${stem}/${binaryName(target)}`, bytes: binary, executable: true },
      ...OTHER_FILES.map((name) => ({ name: `${stem}/${name}`, bytes: Buffer.from(`${name} of ${target.name}\n`) })),
    ];
    const bytes = isWindows(target) ? zip(entries, 1_700_000_000) : tarGz(entries, 1_700_000_000);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(dir, archiveName(VERSION, target)), bytes);
    sums[archiveName(VERSION, target)] = sha256;
    return { target, sha256 };
  });
  const facts: ReleaseFacts = { version: VERSION, baseUrl, archives };
  writeFileSync(join(dir, "SHA256SUMS"), sumsFile(sums));
  writeFileSync(join(dir, "xs.rb"), formula(facts));
  writeFileSync(join(dir, "xs.nix"), nixPackage(facts));
  writeFileSync(join(dir, "install.sh"), installScript(facts));
  return facts;
}

/** Serves the files of a directory on loopback at `/v<version>/`; answers the base URL. */
export function serveRelease(dir: string): { readonly baseUrl: string; readonly stop: () => Promise<void> } {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const [, version, name] = new URL(request.url).pathname.split("/");
      const file = Bun.file(join(dir, name ?? ""));
      if (version !== `v${VERSION}` || !name || !(await file.exists()))
        return new Response("not found\n", { status: 404 });
      return new Response(file);
    },
  });
  return { baseUrl: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}
