// The client as a process: beside curl with the same request, and beside a compiled program that does nothing.
import { join } from "node:path";
import type { Figure } from "./figure.ts";
import { inMs, interleave, median } from "./measure.ts";
import { serve } from "./server.ts";

// Against curl: no slower, but for what such short processes differ from one run to the next.
const GOAL_CURL = 1.0;
const GOAL_EMPTY_MS = 4;
// Processes a round, of which the median counts.
const RUNS = { quick: 7, full: 15 } as const;

export const clients: Figure = {
  name: "clients",
  summary: "`xs version`, `append` and `head` as processes, beside curl and an empty compiled program",
  async run(bench) {
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const empty = await compileEmpty(bench.dir);
    const curl = Bun.which("curl");
    if (curl === null) bench.report({ figure: "clients beside curl", skipped: "curl is not installed" });
    const content = Buffer.from("hello");
    const runs = bench.quick ? RUNS.quick : RUNS.full;
    const post = ["-X", "POST", "--data-binary", "@-"];
    const commands = [
      { figure: "version", args: [], path: "/version", stdin: null, curlArgs: [] },
      { figure: "append", args: ["note"], path: "/append/note", stdin: content, curlArgs: post },
      { figure: "head", args: ["note"], path: "/head/note", stdin: null, curlArgs: [] },
    ];
    for (const { figure, args, path, stdin, curlArgs } of commands) {
      const peer = [curl ?? "true", "-sS", "--unix-socket", server.socketPath, ...curlArgs, `http://x${path}`];
      const { xs, other, nothing } = await interleave(bench.rounds, {
        nothing: () => medianMs([empty], stdin, runs),
        xs: () => medianMs([bench.binary, figure, server.dir, ...args], stdin, runs),
        other: () => medianMs(curl === null ? [empty] : peer, stdin, runs),
      });
      const extra = median(xs.map((ms, round) => ms - (nothing[round] ?? Number.NaN)));
      const detail = `xs ${inMs(median(xs))}; curl ${inMs(median(other))}; empty ${inMs(median(nothing))}`;
      if (curl !== null) {
        const reached = median(xs.map((ms, round) => ms / (other[round] ?? Number.NaN)));
        bench.report({ figure: `xs ${figure}`, unit: "times curl", reached, atMost: GOAL_CURL, detail });
      }
      const unit = "ms more than an empty program";
      bench.report({ figure: `xs ${figure}`, unit, reached: extra, atMost: GOAL_EMPTY_MS, detail });
    }
    await server.stop();
  },
};

function medianMs(command: string[], stdin: Uint8Array | null, runs: number): number {
  const times = Array.from({ length: runs }, () => {
    const start = performance.now();
    const { exitCode } = Bun.spawnSync(command, { stdin: stdin ?? "ignore", stdout: "pipe", stderr: "inherit" });
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}`);
    return performance.now() - start;
  });
  return median(times);
}

// A program without a line of code, compiled as ours is: what Bun itself costs.
async function compileEmpty(dir: string): Promise<string> {
  const source = join(dir, "empty.ts");
  await Bun.write(source, "export {};\n");
  const outfile = join(dir, "empty");
  const { success } = await Bun.build({
    entrypoints: [source],
    minify: true,
    bytecode: true,
    format: "esm",
    compile: { outfile, autoloadBunfig: false, autoloadDotenv: false },
  });
  if (!success) throw new Error("the empty program did not compile");
  return outfile;
}
