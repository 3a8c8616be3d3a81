// npm run compile: one binary for this machine, dist/xs.
import { rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
const result = await Bun.build({
  entrypoints: ["src/main.ts"],
  outdir: "dist",
  minify: true,
  // Commands are loaded when they are asked for; without splitting they would all be parsed at every start.
  splitting: true,
  bytecode: true,
  format: "esm",
  compile: {
    outfile: "xs",
    // Else the binary would run the preload scripts and load the .env of whatever directory it stands in.
    autoloadBunfig: false,
    autoloadDotenv: false,
  },
});
for (const log of result.logs) console.error(log);
if (!result.success) process.exit(1);
console.error("dist/xs");
