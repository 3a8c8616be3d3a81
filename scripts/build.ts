// Compiling: the one way in which a binary is made, for this machine and for any other.
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BunPlugin } from "bun";
import type { Target } from "./targets.ts";

export type BuildOptions = {
  readonly outfile: string;
  /** What `xs --version` says beside the version. */
  readonly commit: string;
  /** Another machine, and the runtime for it; without it, this one. */
  readonly cross?: { readonly target: Target; readonly runtime: string };
};

// ulid's build for Node loads node:crypto, for randomness that we hand it ourselves: 4 ms of every start.
const ulidWithoutNode: BunPlugin = {
  name: "ulid without node:crypto",
  setup(build) {
    const browserBuild = join(dirname(Bun.resolveSync("ulid/package.json", import.meta.dir)), "dist/browser/index.js");
    build.onResolve({ filter: /^ulid$/ }, () => ({ path: browserBuild }));
  },
};

/** Compiles the program to one executable. The same source, runtime and commit give the same bytes. */
export async function buildBinary({ outfile, commit, cross }: BuildOptions): Promise<void> {
  // The name of the outfile is in the binary, its directory is not: so it is built under its own name, beside its place,
  // and moved there whole, for the one that stands there may be running.
  const dir = join(dirname(outfile), `.build-${process.pid}`);
  const name = cross?.target.bun.includes("windows") ? "xs.exe" : "xs";
  mkdirSync(dir, { recursive: true });
  try {
    const result = await Bun.build({
      // A worker is found in the binary only where it is an entrypoint of its own.
      entrypoints: ["main.ts", "store/background-worker.ts"].map((file) => join(import.meta.dir, "../src", file)),
      root: join(import.meta.dir, "../src"),
      minify: true,
      // Commands are loaded when they are asked for; without splitting they would all be parsed at every start.
      splitting: true,
      // 3 MB of the binary, and half of its start.
      bytecode: true,
      format: "esm",
      plugins: [ulidWithoutNode],
      target: "bun",
      define: { XS_COMMIT: JSON.stringify(commit) },
      compile: {
        outfile: join(dir, name),
        // Else the binary would run the preload scripts and load the .env of whatever directory it stands in.
        autoloadBunfig: false,
        autoloadDotenv: false,
        ...(cross === undefined ? {} : { target: cross.target.bun, executablePath: cross.runtime }),
      },
    });
    for (const log of result.logs) console.error(log);
    if (!result.success) throw new Error(`the build for ${cross?.target.name ?? "this machine"} failed`);
    renameSync(join(dir, name), outfile);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
