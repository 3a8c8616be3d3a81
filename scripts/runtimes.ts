// The runtimes of other machines: fetched with npm, checked against the lock file, kept for the next release.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import lock from "../package-lock.json" with { type: "json" };
import type { Target } from "./targets.ts";

const CACHE = join(import.meta.dir, "../node_modules/.cache/xs-runtimes");

/** The path of the runtime's executable for a machine; it is fetched if it is not here yet. */
export function runtimeFor({ name, package: pkg, executable }: Target): string {
  const locked = (lock.packages as Record<string, { version?: string; integrity?: string }>)[`node_modules/${pkg}`];
  if (locked?.version === undefined || locked.integrity === undefined)
    throw new Error(`${pkg} is not in the lock file`);
  const dir = join(CACHE, `${name}-${locked.version}`);
  const path = join(dir, executable);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const partial = mkdtempSync(join(CACHE, "partial-"));
  try {
    run(["npm", "pack", "--silent", `${pkg}@${locked.version}`, "--pack-destination", partial]);
    const tarball = join(partial, readdirSync(partial)[0] ?? "");
    const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (integrity !== locked.integrity) throw new Error(`${pkg}: ${integrity} is not what the lock file says`);
    run(["tar", "-xzf", tarball, "-C", partial]);
    rmSync(dir, { recursive: true, force: true });
    renameSync(join(partial, "package"), dir);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return path;
}

function run(command: string[]): void {
  const { exitCode } = Bun.spawnSync(command, { stdout: "ignore", stderr: "inherit" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}`);
}
