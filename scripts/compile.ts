// npm run compile: one binary for this machine, dist/xs.
import { buildBinary } from "./build.ts";
import { commitOf } from "./source.ts";

await buildBinary({ outfile: "dist/xs", commit: commitOf() });
console.error("dist/xs");
