// `.append` in Nushell: through xs.nu on the socket, beside Nushell's own HTTP client alone, and beside spawning ours for it.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Figure } from "./figure.ts";
import { inMs, interleave, median, ratioOf } from "./measure.ts";
import { serve } from "./server.ts";

const ROOT = resolve(import.meta.dir, "..");
const GOAL_MS = 2;
// Spawning the client takes at least so many times longer.
const GOAL_TIMES = 5;

export const nushell: Figure = {
  name: "nushell",
  summary: "`.append` of xs.nu beside a bare `http post` and beside spawning the client, inside one Nushell",
  async run(bench) {
    const nu = join(ROOT, "node_modules", ".bin", "nu");
    const module = join(ROOT, "xs.nu");
    for (const path of [nu, module]) {
      if (!existsSync(path)) return bench.report({ figure: ".append in Nushell", skipped: `${path} is not there` });
    }
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const perCallMs = (calls: number, append: string): number => {
      // The first call compiles the closure and opens the file of the module; it is not what a second one costs.
      const script = `use ${module} *; $env.XS_ADDR = "${server.dir}"; $env.XS_BIN = "${bench.binary}"
        ${append} | ignore
        timeit { for n in 1..${calls} { ${append} | ignore } } | into int | print`;
      const { stdout, stderr, exitCode } = Bun.spawnSync([nu, "--no-config-file", "-c", script]);
      if (exitCode !== 0) throw new Error(`nu: ${stderr}`);
      return Number(stdout.toString()) / 1e6 / calls;
    };
    const calls = bench.quick ? 50 : 500;
    const url = "http://localhost/append/nu.bench";
    const { ours, bare, spawned } = await interleave(bench.rounds, {
      ours: () => perCallMs(calls, '"hello" | .append nu.bench'),
      bare: () => perCallMs(calls, `"hello" | http post --unix-socket ${server.socketPath} ${url}`),
      spawned: () =>
        perCallMs(bench.quick ? 6 : 50, `"hello" | ^${bench.binary} append ${server.dir} nu.bench | from json`),
    });
    await server.stop();
    const detail = `.append ${inMs(median(ours))}; a bare http post ${inMs(median(bare))}; the client spawned ${inMs(median(spawned))}`;
    bench.report({ figure: ".append in Nushell", unit: "ms", reached: median(ours), atMost: GOAL_MS, detail });
    bench.report({
      figure: "the client spawned from Nushell",
      unit: "times .append",
      reached: ratioOf(spawned, ours),
      atLeast: GOAL_TIMES,
      detail,
    });
  },
};
