// The client as a process: beside curl with the same request, beside a compiled program that does nothing, and beside one
// that does nothing but the request.
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figure.ts";
import { inMs, interleave, median } from "./measure.ts";
import { serve } from "./server.ts";

// Against curl: no slower, but for what such short processes differ from one run to the next.
const GOAL_CURL = 1.0;
const GOAL_EMPTY_MS = 4;
// Compiled as ours is: no line of code shows what Bun itself costs, a fetch and a write what its client costs at least.
const EMPTY = "export {};\n";
const BARE = `(async () => {
  const [unix, path, method] = Bun.argv.slice(2);
  const body = method === "POST" ? await Bun.stdin.bytes() : undefined;
  const answer = await fetch("http://x" + path, { unix, method, body });
  await Bun.write(Bun.stdout, await answer.text());
  process.exit(0);
})();
`;
// A process is over before the machine changes its mind: they run one by one in turn, so many for each round of a bench.
const RUNS = { quick: 5, full: 15 } as const;

export const clients: Figure = {
  name: "clients",
  summary: "`xs version`, `append` and `head` as processes, beside curl and an empty compiled program",
  async run(bench) {
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const empty = await compileProgram(bench.dir, "empty", EMPTY);
    const bare = await compileProgram(bench.dir, "bare", BARE);
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
      const input = (): number | null => (stdin === null ? null : pipeWith(stdin, bench.dir));
      const method = stdin === null ? "GET" : "POST";
      const { xs, other, nothing, least } = await interleave(bench.rounds * runs, {
        nothing: () => msOf([empty], input()),
        least: () => msOf([bare, server.socketPath, path, method], input()),
        xs: () => msOf([bench.binary, figure, server.dir, ...args], input()),
        other: () => msOf(curl === null ? [empty] : peer, input()),
      });
      const beyondEmpty = (times: number[]): number =>
        median(times.map((ms, round) => ms - (nothing[round] ?? Number.NaN)));
      const detail =
        `xs ${inMs(median(xs))}; curl ${inMs(median(other))}; empty ${inMs(median(nothing))}; ` +
        `a bare fetch ${inMs(beyondEmpty(least))} more than empty`;
      if (curl !== null) {
        const reached = median(xs.map((ms, round) => ms / (other[round] ?? Number.NaN)));
        bench.report({ figure: `xs ${figure}`, unit: "times curl", reached, atMost: GOAL_CURL, detail });
      }
      const unit = "ms more than an empty program";
      bench.report({ figure: `xs ${figure}`, unit, reached: beyondEmpty(xs), atMost: GOAL_EMPTY_MS, detail });
    }
    await server.stop();
  },
};

// What a shell gives to the right of a `|`: a pipe with the content in it, and nobody to write more.
function pipeWith(content: Uint8Array, dir: string): number {
  const path = join(dir, "pipe");
  if (!existsSync(path)) Bun.spawnSync(["mkfifo", path]);
  const [writer, reader] = [openSync(path, "r+"), openSync(path, "r")];
  writeSync(writer, content);
  closeSync(writer);
  return reader;
}

function msOf(command: string[], stdin: number | null): number {
  const start = performance.now();
  const { exitCode } = Bun.spawnSync(command, { stdin: stdin ?? "ignore", stdout: "pipe", stderr: "inherit" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}`);
  const ms = performance.now() - start;
  if (stdin !== null) closeSync(stdin);
  return ms;
}

async function compileProgram(dir: string, name: string, text: string): Promise<string> {
  const source = join(dir, `${name}.ts`);
  await Bun.write(source, text);
  const outfile = join(dir, name);
  const { success } = await Bun.build({
    entrypoints: [source],
    minify: true,
    bytecode: true,
    format: "esm",
    compile: { outfile, autoloadBunfig: false, autoloadDotenv: false },
  });
  if (!success) throw new Error(`the program ${name} did not compile`);
  return outfile;
}
