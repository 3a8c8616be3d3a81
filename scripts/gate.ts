// npm test: the whole gate in the order in which a fault is cheapest to find. Ends at the first step that fails.

import { readdirSync } from "node:fs";

type Step = { readonly name: string; readonly command: readonly string[]; readonly env?: Record<string, string> };

const BUN = process.execPath;
// The suite polls with deadlines of its own; this one only ends a test that hangs.
const TEST_MS_MAX = "120000";
// Everything but the fault tests, which are about the binary alone.
const TESTS = readdirSync("test")
  .filter((name) => name !== "faults" && name !== "support")
  .map((name) => `test/${name}`);
const CODE = ["src", "scripts", "test", "bench"];

const STEPS: readonly Step[] = [
  { name: "format", command: [BUN, "fmt", "--check", ...CODE] },
  { name: "types", command: [BUN, "check"] },
  { name: "lint", command: [BUN, "x", "oxlint", "-c", "scripts/oxlint.json", "--deny-warnings", ...CODE] },
  { name: "dead code", command: [BUN, "x", "knip", "--no-progress"] },
  { name: "tests", command: [BUN, "test", "--timeout", TEST_MS_MAX, ...TESTS] },
  { name: "compile", command: [BUN, "scripts/compile.ts"] },
  {
    name: "black-box tests, compiled",
    command: [BUN, "test", "--timeout", TEST_MS_MAX, "test/binary/", "test/nushell/", "test/faults/"],
    env: { XS_BIN: "dist/xs" },
  },
];

type Counts = { passed: number; failed: number; skipped: number };

const counts: Counts = { passed: 0, failed: 0, skipped: 0 };

for (const { name, command, env = {} } of STEPS) {
  const startMs = performance.now();
  console.log(`\n== ${name}`);
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "pipe",
    env: { ...process.env, ...env },
  });
  const output = await copied(child.stderr);
  const code = await child.exited;
  count(output);
  console.log(
    `== ${name}: ${code === 0 ? "ok" : `failed (exit code ${code})`}, ${seconds(performance.now() - startMs)} s`,
  );
  if (code !== 0) {
    summary();
    process.exit(1);
  }
}
if (counts.passed === 0) {
  console.log("no test ran");
  process.exit(1);
}
summary();

// bun test reports on stderr: it is shown as it comes, and kept for the counts.
async function copied(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    process.stderr.write(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function count(output: string): void {
  const last = (word: string): number =>
    Number([...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  counts.passed += last("pass");
  counts.failed += last("fail");
  counts.skipped += last("skip");
}

function summary(): void {
  console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
