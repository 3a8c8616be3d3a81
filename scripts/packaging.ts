// The files beside the archives that name them: sums, Homebrew formula, Nix package, install script.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { archiveName, type Target } from "./targets.ts";

const TEMPLATES = join(import.meta.dir, "../docs/packaging");

export type ReleaseFacts = {
  readonly version: string;
  /** Releases lie at `<baseUrl>/v<version>/<file>`. */
  readonly baseUrl: string;
  /** Archives made, each with its SHA-256 in hex. */
  readonly archives: readonly { readonly target: Target; readonly sha256: string }[];
};

/** The formula for a Homebrew tap; it needs the archives of Linux (glibc) and macOS. */
export const formula = (facts: ReleaseFacts): string => filled("xs.rb.in", valuesOf(facts));

/** The package for Nix; it needs the same archives. */
export const nixPackage = (facts: ReleaseFacts): string => filled("xs.nix.in", valuesOf(facts));

function valuesOf({ version, baseUrl, archives }: ReleaseFacts): Record<string, string> {
  const values: Record<string, string> = { VERSION: version, HOMEPAGE: baseUrl };
  for (const { target, sha256 } of archives) {
    const key = target.name.toUpperCase().replaceAll("-", "_");
    values[`URL_${key}`] = `${baseUrl}/v${version}/${archiveName(version, target)}`;
    values[`SHA256_${key}`] = sha256;
  }
  return values;
}

/** The install script of this release. */
export const installScript = ({ version, baseUrl }: ReleaseFacts): string =>
  filled("install.sh", { VERSION: version, BASE_URL: baseUrl });

/** The file that `sha256sum --check` reads, from file names and their sums in hex. */
export const sumsFile = (sums: Readonly<Record<string, string>>): string =>
  Object.keys(sums)
    .sort()
    .map((name) => `${sums[name]}  ${name}\n`)
    .join("");

function filled(template: string, values: Readonly<Record<string, string>>): string {
  return readFileSync(join(TEMPLATES, template), "utf8").replaceAll(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${template} asks for ${name}, which this release does not have`);
    return value;
  });
}
