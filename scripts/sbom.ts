// The bill of materials: what is in the binaries, as CycloneDX.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import lock from "../package-lock.json" with { type: "json" };
import pkg from "../package.json" with { type: "json" };

type Locked = { readonly version: string; readonly integrity: string; readonly license?: string };

/** The bill as JSON; the same for the same commit. https://cyclonedx.org/docs/1.6/json/ */
export function billOfMaterials(commit: string, seconds: number): string {
  const root = `pkg:generic/xs@${pkg.version}`;
  const libraries = Object.keys(pkg.dependencies)
    .sort()
    .map((name) => component(name, "library"));
  // The runtime is part of each binary, with all that is linked into it (JavaScriptCore and SQLite among others).
  const runtime = component("bun", "platform");
  const components = [...libraries, runtime];
  const bill = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(`${root} ${commit}`)}`,
    version: 1,
    metadata: {
      timestamp: new Date(seconds * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": root,
        name: "xs",
        version: pkg.version,
        description: pkg.description,
        licenses: [{ license: { id: pkg.license } }],
        properties: [{ name: "commit", value: commit }],
      },
    },
    components,
    dependencies: [
      { ref: root, dependsOn: components.map(({ purl }) => purl) },
      ...components.map(({ purl }) => ({ ref: purl })),
    ],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

function component(name: string, type: "library" | "platform") {
  const { version, integrity } = (lock.packages as unknown as Record<string, Locked>)[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`${name} is not in the lock file`);
  const purl = `pkg:npm/${name}@${version}`;
  return {
    type,
    "bom-ref": purl,
    name,
    version,
    licenses: [{ license: { id: licenseOf(name) } }],
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex") }],
    purl,
  };
}

function licenseOf(name: string): string {
  const manifest = readFileSync(join(import.meta.dir, "../node_modules", name, "package.json"), "utf8");
  return (JSON.parse(manifest) as { license: string }).license;
}

// Version 8 (RFC 9562): of one's own making; here from the name, so that it is the same each time.
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
