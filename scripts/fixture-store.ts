// Writes the store that later versions must be able to open: test/fixtures/stores/v<version>, with what it holds beside it.
// Once a version, before it is released: bun scripts/fixture-store.ts [path of the xs that writes it]
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [program] = process.argv.slice(2);
const XS = program === undefined ? [process.execPath, join(import.meta.dir, "../src/main.ts")] : [program];
// Beyond what goes into the database, so that it becomes a file.
const LARGE = "A line of some content that is too large for the database.\n".repeat(1_500);
const CENTURY_MS = 100 * 365 * 24 * 60 * 60 * 1000;

const { version } = JSON.parse(await xs(["version"])) as { version: string };
const dir = join(import.meta.dir, `../test/fixtures/stores/v${version}`);
if (existsSync(dir)) throw new Error(`${dir} is there; unless ${version} is not released yet, it stays as it is`);
mkdirSync(dir, { recursive: true });
const store = join(dir, "store");

const server = Bun.spawn([...XS, "serve", store, "--quiet"], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
while (!existsSync(join(store, "sock"))) await Bun.sleep(10);
await append("notes", "inline content");
await append("notes.meta", "", ["--meta", '{"b":1,"a":[1.0,1e3,12345678901234567890],"2":null,"é":"ü"}']);
await append("kept.a.century", "with a time", ["--ttl", `time:${CENTURY_MS}`]);
await append("over.at.once", "gone", ["--ttl", "time:0"]);
for (const n of [1, 2, 3, 4]) await append("door", `opened ${n}`, ["--ttl", "last:2"]);
await append("photo", LARGE);
await append("photo", LARGE, ["--meta", '{"again":true}']);
await append("empty", "");
await append("live", "never stored", ["--ttl", "ephemeral"]);
const { id } = JSON.parse(await append("mistake", "removed")) as { id: string };
await xs(["remove", store, id]);
await append("notes", "the last one");
// What every later version must tell of it, before what that version adds.
writeFileSync(join(dir, "frames.jsonl"), await xs(["cat", store]));
server.kill("SIGTERM");
await server.exited;
// The lock belongs to a server, not to a store.
for (const name of ["lock", "pid"]) rmSync(join(store, name));
console.error(`wrote ${dir}`);

async function append(topic: string, content: string, flags: readonly string[] = []): Promise<string> {
  return xs(["append", store, topic, ...flags], content);
}

async function xs(args: readonly string[], stdin = ""): Promise<string> {
  const child = Bun.spawn([...XS, ...args], { stdin: new Blob([stdin]), stdout: "pipe", stderr: "inherit" });
  const [output, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw new Error(`xs ${args.join(" ")} ended with ${code}`);
  return output;
}
