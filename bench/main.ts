// npm run bench [name...] [--quick] [--json FILE] [--dir DIR]: measures, prints the table, and ends with 1 when a goal is missed.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, type Figure, isReached, type Row, type Skipped } from "./figure.ts";
import { fsyncRate, isInMemory, median, whole } from "./measure.ts";
import { baselineRate, endGenerator } from "./load.ts";
import { FIGURES } from "./figures.ts";
import { endServers } from "./server.ts";
import { formatRow, formatTable } from "./table.ts";

const ROOT = resolve(import.meta.dir, "..");

const { values: flags, positionals: names } = parseArgs({
  args: Bun.argv.slice(2),
  allowPositionals: true,
  options: { quick: { type: "boolean" }, json: { type: "string" }, dir: { type: "string" } },
});

const unknown = names.filter((name) => !FIGURES.some((figure) => figure.name === name));
if (unknown.length > 0) {
  console.error(`there is no figure ${unknown.join(", ")}; there are:`);
  for (const { name, summary } of FIGURES) console.error(`  ${name.padEnd(12)} ${summary}`);
  process.exit(2);
}

const quick = flags.quick ?? false;
const started = performance.now();
const dir = mkdtempSync(join(flags.dir ?? tmpdir(), "xs-bench-"));
const rows: (Row | Skipped)[] = [];

const bench: Bench = {
  quick,
  dir,
  sharedDir: dir,
  binary: compile(),
  rounds: 5,
  roundMs: quick ? 80 : 2_000,
  report(row) {
    rows.push(row);
    console.log(`  ${formatRow(row)}`);
  },
  note: (text) => console.log(`  # ${text}`),
};

const failed: string[] = [];
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void cleanUp().then(() => process.exit(130)));
try {
  await printGround();
  for (const figure of FIGURES) if (names.length === 0 || names.includes(figure.name)) await runFigure(figure);
} finally {
  await cleanUp();
}
console.log(`\n${formatTable(rows)}\n\n${((performance.now() - started) / 1000).toFixed(0)} s in all`);
writeJson();
if (failed.length > 0) console.error(`failed: ${failed.join(", ")}`);
process.exit(failed.length > 0 || rows.some((row) => !("skipped" in row) && isReached(row) === false) ? 1 : 0);

async function cleanUp(): Promise<void> {
  await endServers();
  await endGenerator();
  rmSync(dir, { recursive: true, force: true });
}

function compile(): string {
  // The binary as it is shipped; XS_BIN names one that is there already.
  const given = process.env["XS_BIN"];
  if (given) return resolve(given);
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "scripts/compile.ts"], { cwd: ROOT });
  if (exitCode !== 0) throw new Error(`the compile failed: ${stderr}`);
  return join(ROOT, "dist", "xs");
}

async function printGround(): Promise<void> {
  const cpu = cpus()[0]?.model ?? "unknown";
  console.log(
    `${cpus().length} x ${cpu}, Bun ${Bun.version}, ${process.platform}-${process.arch}${quick ? ", quick" : ""}`,
  );
  if (isInMemory(dir)) console.log(`WARNING: ${dir} is in memory: durable figures mean nothing there; give --dir`);
  const fsyncs = median(Array.from({ length: bench.rounds }, () => fsyncRate(dir, bench.roundMs / 5)));
  console.log(`ground: ${whole(fsyncs)} fsyncs/s of one page (${(1000 / fsyncs).toFixed(2)} ms each) in ${dir}`);
  const { rate, generatorShare } = await baselineRate(bench);
  console.log(
    `ground: ${whole(rate)} requests/s at 64 connections against a server that does nothing; ` +
      `the load generator takes ${Math.round(generatorShare * 100)}% of a core for that`,
  );
}

async function runFigure({ name, summary, run }: Figure): Promise<void> {
  console.log(`\n${name}: ${summary}`);
  const start = performance.now();
  mkdirSync(join(dir, name), { recursive: true });
  try {
    await run({ ...bench, dir: join(dir, name) });
  } catch (error) {
    // The other figures are worth having; the end of the run says that this one failed.
    console.error(error);
    failed.push(name);
    await endServers();
  }
  rmSync(join(dir, name), { recursive: true, force: true });
  console.log(`  # ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function writeJson(): void {
  const path = resolve(flags.json ?? join(ROOT, "bench", "results", "latest.json"));
  mkdirSync(dirname(path), { recursive: true });
  const results = rows.map((row) => ("skipped" in row ? row : { ...row, ok: isReached(row) }));
  const machine = { cpus: cpus().length, model: cpus()[0]?.model, bun: Bun.version, platform: process.platform };
  writeFileSync(path, `${JSON.stringify({ at: new Date().toISOString(), quick, machine, results }, null, 2)}\n`);
  console.log(`results: ${path}`);
}
