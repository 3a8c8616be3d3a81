// A job on real data: 200,000 flights go in, are followed, read, pruned, exported and imported again, and must be the same.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Frame, formatFrame, parseFrame } from "../src/frame/frame.ts";
import { type Id, packId } from "../src/frame/id.ts";
import { metaOf } from "../src/frame/meta.ts";
import { parseTopic } from "../src/frame/topic.ts";
import { FOREVER } from "../src/frame/ttl.ts";
import type { Bench, Figure } from "./figure.ts";
import { timed, whole } from "./measure.ts";
import { serve, type Server } from "./server.ts";

const DATA = resolve(import.meta.dir, "..", "node_modules", "vega-datasets", "data", "flights-200k.json");
// Miles up to which a flight is of this band.
const BANDS = [
  ["short", 500],
  ["medium", 1_500],
  ["long", Number.POSITIVE_INFINITY],
] as const;
const KEPT = 100;
// A quick run takes every tenth flight: they are sorted, and each hour should have some.
const QUICK_EVERY = 10;

type Flight = { readonly delay: number; readonly distance: number; readonly time: number };

export const flights: Figure = {
  name: "flights",
  summary: "200,000 flights of vega-datasets: import, follow, read, prune, export, import again, compare",
  async run(bench) {
    const frames = readFlights(bench);
    const server = await serve(bench.binary, join(bench.dir, "store"));
    const other = await serve(bench.binary, join(bench.dir, "other"));
    const say = (what: string, count: number, ms: number): void =>
      bench.report({
        figure: `flights: ${what}`,
        unit: "frames/s",
        reached: (count * 1000) / ms,
        detail: `${whole(count)} frames in ${whole(ms)} ms`,
      });

    const ndjson = Buffer.from(frames.map((frame) => `${formatFrame(frame)}\n`).join(""));
    const followed = followUntil(server, frames.length);
    say(
      "import, followed live",
      frames.length,
      await timed(async () => {
        const { imported } = JSON.parse(await xs(bench, ["import", server.dir], ndjson)) as { imported: number };
        check(imported, frames.length, "frames imported");
      }),
    );
    const live = await followed;
    check(live.size, frames.length, "frames followed");
    checkSame(live, frames, "the followed stream");

    for (const topics of ["flight.8.*", "flight.*", "flight.8.short,flight.17.long,flight.23.*"]) {
      const wanted = frames.filter(({ topic }) => topics.split(",").some((pattern) => isBelow(pattern, topic)));
      let text = "";
      say(
        `cat ${topics}`,
        wanted.length,
        await timed(async () => (text = await xs(bench, ["cat", server.dir, "-T", topics]))),
      );
      if (text !== wanted.map((frame) => `${formatFrame(frame)}\n`).join(""))
        throw new Error(`cat ${topics} answered other frames`);
    }

    const kept = await prune(bench, server, frames);
    const dump = join(bench.dir, "dump");
    say("export", kept.length, await timed(() => xs(bench, ["export", server.dir, dump])));
    say("import of the dump", kept.length, await timed(() => xs(bench, ["import", other.dir, dump])));
    const [here, there] = [
      await xs(bench, ["cat", server.dir, "-T", "flight.*"]),
      await xs(bench, ["cat", other.dir, "-T", "flight.*"]),
    ];
    if (here !== there) throw new Error("the second store differs from the first");
    check(here.trimEnd().split("\n").length, kept.length, "frames after pruning");
    checkSame(new Set(there.trimEnd().split("\n")), kept, "the second store");
    bench.note(
      `${whole(kept.length)} frames of ${new Set(kept.map(({ topic }) => topic)).size} topics are the same, line by line, in both stores`,
    );
    await other.stop();
    await server.stop();
  },
};

// The hour and the band of a flight make its topic, its time of the day its id's time; the flight itself is the meta.
function readFlights({ quick }: Bench): Frame[] {
  const all = JSON.parse(readFileSync(DATA, "utf8")) as Flight[];
  const flights = all.filter((_, n) => !quick || n % QUICK_EVERY === 0).toSorted((a, b) => a.time - b.time);
  const midnight = Date.parse("2001-01-01T00:00:00Z");
  return flights.map((flight, n) => {
    const band = BANDS.find(([, miles]) => flight.distance <= miles)?.[0] ?? "long";
    const id: Id = packId(Math.round(midnight + flight.time * 3_600_000), String(n).padStart(16, "0"));
    const topic = parseTopic(`flight.${Math.floor(flight.time)}.${band}`);
    return { topic, id, hash: null, meta: metaOf(flight), ttl: FOREVER };
  });
}

const isBelow = (pattern: string, topic: string): boolean =>
  pattern.endsWith(".*") ? topic.startsWith(pattern.slice(0, -1)) : topic === pattern;

async function xs({ binary }: Bench, args: readonly string[], stdin?: Uint8Array): Promise<string> {
  const child = Bun.spawn([binary, ...args], { stdin: stdin ?? "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`xs ${args.join(" ")}: ${stderr}`);
  return stdout;
}

// Follows from the tail on: the flights are of 2001, so each of them arrives below it, and must arrive all the same.
async function followUntil({ socketPath }: Server, count: number): Promise<Set<string>> {
  const response = await fetch("http://x/?follow&topic=flight.*", { unix: socketPath });
  return collect(response, count);
}

async function collect(response: Response, count: number): Promise<Set<string>> {
  const lines = new Set<string>();
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      if (line.startsWith('{"topic":"xs.threshold"')) continue;
      if (lines.has(line)) throw new Error(`a follower got a frame twice: ${line}`);
      lines.add(line);
    }
    if (lines.size >= count) break;
  }
  return lines;
}

// One append with last:n to each topic: it keeps itself and the n - 1 before it.
async function prune(bench: Bench, server: Server, frames: readonly Frame[]): Promise<Frame[]> {
  const byTopic = Map.groupBy(frames, ({ topic }) => topic);
  const kept: Frame[] = [];
  const ms = await timed(async () => {
    for (const [topic, own] of byTopic) {
      const path = `/append/${topic}?ttl=last:${KEPT}`;
      const line = await (await fetch(`http://x${path}`, { unix: server.socketPath, method: "POST" })).text();
      kept.push(...own.slice(-(KEPT - 1)), parseFrame(line.trimEnd()));
    }
  });
  const removed = frames.length + byTopic.size - kept.length;
  bench.report({
    figure: `flights: prune with last:${KEPT}`,
    unit: "frames/s",
    reached: (removed * 1000) / ms,
    detail: `${whole(removed)} frames removed from ${byTopic.size} topics in ${whole(ms)} ms`,
  });
  return kept;
}

function check(got: number, wanted: number, what: string): void {
  if (got !== wanted) throw new Error(`${got} ${what}, not ${wanted}`);
}

function checkSame(lines: ReadonlySet<string>, frames: readonly Frame[], what: string): void {
  check(lines.size, frames.length, `frames in ${what}`);
  const lost = frames.map(formatFrame).find((line) => !lines.has(line));
  if (lost !== undefined) throw new Error(`${what} lacks ${lost}`);
}
