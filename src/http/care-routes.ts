// The routes that tell how a store is and look after it: health, stat, metrics, gc, backup.
import type { Hono } from "hono";
import pkg from "../../package.json" with { type: "json" };
import { parseCount, parseFlag } from "../frame/read-options.ts";
import { invalid } from "../error.ts";
import type { Care, Counted } from "../store/care.ts";
import type { Copy } from "../store/copy.ts";
import type { Counts } from "../store/counts.ts";
import type { Pulse } from "../store/pulse.ts";
import type { Health } from "../store/writer.ts";
import { pulledBody } from "./body.ts";
import { formatMetrics, type Metric, METRICS_TYPE } from "./metrics.ts";
import { PATTERNS } from "./paths.ts";
import { SIZE_HEADER } from "./wire.ts";

// How many topics a stat lists unless asked for more, and at most.
const TOP_DEFAULT = 20;
const TOP_MAX = 1_000;

/** What GET /stat answers. */
export type Stat = { readonly version: string; readonly health: Health } & Pulse & Counts;

/** Adds the routes; before the one for frames, whose pattern takes any single word. */
export function addCareRoutes(app: Hono, care: Care): void {
  app.get(PATTERNS.health, async () => {
    const health = await care.health();
    return Response.json(health, { status: health.status === "ok" ? 200 : 503, headers: UNCACHED });
  });

  app.get(PATTERNS.stat, async (c) => {
    const top = parseCount("top", c.req.query("top"), 0) ?? TOP_DEFAULT;
    if (top > TOP_MAX) throw invalid(`top: ${top} topics, at most ${TOP_MAX} are listed`);
    const [health, counts] = await Promise.all([care.health(), care.counts(TOP_MAX)]);
    const stat: Stat = { version: pkg.version, health, ...care.pulse(), ...counts, top: counts.top.slice(0, top) };
    return Response.json(stat, { headers: UNCACHED });
  });

  app.get(PATTERNS.metrics, async () => {
    const metrics = metricsOf(await care.health(), care.pulse(), care.recentCounts(TOP_MAX));
    return new Response(formatMetrics(metrics), { headers: { ...UNCACHED, "content-type": METRICS_TYPE } });
  });

  app.post(PATTERNS.gc, async (c) => Response.json(await care.gc(parseFlag("dry-run", c.req.query("dry-run")))));

  app.get(PATTERNS.backup, async (c) => {
    const hold = parseFlag("hold", c.req.query("hold"));
    // Whoever asks for the head alone must not have a copy made.
    if (c.req.method === "HEAD") return new Response(null, { headers: { "content-type": DATABASE_TYPE } });
    return copyResponse(await care.copy(), hold, c.req.raw.signal);
  });
}

const UNCACHED = { "cache-control": "no-store" };
const DATABASE_TYPE = "application/vnd.sqlite3";

// With `hold` the answer stays open behind its last byte until the client leaves: as long, the content is kept.
function copyResponse(copy: Copy, hold: boolean, signal: AbortSignal): Response {
  const { promise: left, resolve } = Promise.withResolvers<void>();
  const leave = (): void => {
    resolve();
    void copy.close();
  };
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* copy.read();
      if (hold) await left;
    } finally {
      await copy.close();
    }
  };
  signal.addEventListener("abort", leave);
  // A generator that has not begun runs no `finally`.
  if (signal.aborted) leave();
  const headers = {
    ...UNCACHED,
    "content-type": DATABASE_TYPE,
    [SIZE_HEADER]: String(copy.size),
  };
  return new Response(pulledBody(chunks(), leave), { headers });
}

function metricsOf(health: Health, pulse: Pulse, counted: Counted | null): Metric[] {
  const { commits, disk } = pulse;
  const gauge = (name: string, help: string, samples: Metric["samples"]): Metric => ({
    name,
    kind: "gauge",
    help,
    samples,
  });
  const seconds = (ms: number): number => ms / 1000;
  return [
    gauge("xs_build_info", "The version of the server.", [{ labels: { version: pkg.version }, value: 1 }]),
    gauge("xs_writable", "1 while writes are taken, 0 while they are refused.", health.status === "ok" ? 1 : 0),
    gauge("xs_uptime_seconds", "Time since the store was opened.", seconds(pulse.uptime_ms)),
    gauge("xs_followers", "Reads that follow.", pulse.followers),
    gauge("xs_writes_waiting", "Writes that wait for a commit.", pulse.writes_waiting),
    {
      name: "xs_commit_duration_seconds",
      kind: "summary",
      help: "Time that commits took: quantiles of the last 1,000, sum and count of all since the start.",
      samples: [
        { labels: { quantile: "0.5" }, value: seconds(commits.p50_ms) },
        { labels: { quantile: "0.99" }, value: seconds(commits.p99_ms) },
        { labels: { quantile: "1" }, value: seconds(commits.max_ms) },
        { suffix: "_sum", value: seconds(commits.total_ms) },
        { suffix: "_count", value: commits.count },
      ],
    },
    gauge("xs_database_bytes", "Size of the database file.", disk.database_bytes),
    gauge("xs_log_bytes", "Size of the write-ahead log.", disk.log_bytes),
    gauge("process_resident_memory_bytes", "Memory of the server.", process.memoryUsage.rss()),
    ...(counted === null ? [] : countMetrics(counted)),
  ];
}

function countMetrics({ counts, atMs }: Counted): Metric[] {
  const { content } = counts;
  const gauge = (name: string, help: string, samples: Metric["samples"]): Metric => ({
    name,
    kind: "gauge",
    help,
    samples,
  });
  return [
    gauge(
      "xs_counted_timestamp_seconds",
      "When the numbers below were counted; at most every 10 minutes.",
      atMs / 1000,
    ),
    gauge("xs_frames", "Frames in the store.", counts.frames),
    gauge("xs_frames_bytes", "Size of all frames without their content.", counts.frame_bytes),
    gauge("xs_topics", "Topics that have frames.", counts.topics),
    gauge("xs_contents", "Contents, by where they lie.", [
      { labels: { place: "database" }, value: content.inline.count },
      { labels: { place: "file" }, value: content.files.count },
    ]),
    gauge("xs_contents_bytes", "Size of the contents, by where they lie.", [
      { labels: { place: "database" }, value: content.inline.bytes },
      { labels: { place: "file" }, value: content.files.bytes },
    ]),
  ];
}
