// xs stat: how a store is, and what is in it.
import { isatty } from "node:tty";
import { parseCount } from "../frame/read-options.ts";
import type { Stat } from "../http/care-routes.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { writeOut } from "./output.ts";

export default command({
  name: "stat",
  summary: "tell how a store is: frames, topics, content, disk use, followers, commits",
  positionals: { addr: ADDRESS },
  flags: {
    json: { description: "JSON also on a terminal" },
    top: { value: "n", description: "how many topics to list, those with the most frames first; 20 without it" },
  },
  examples: [
    ["xs stat ./store", "a table on a terminal"],
    ["xs stat ./store | jq '.top[] | select(.bytes > 1e6)'", "JSON where the output is not a terminal"],
  ],
  notes: ["Bytes of a topic are those of its frames and of their content."],
  async run({ addr, json, top }) {
    const text = await new Client(addr).stat(parseCount("top", top, 0) ?? undefined);
    writeOut(json || !isatty(1) ? `${text}\n` : tableOf(JSON.parse(text) as Stat));
  },
});

/** What a person reads. */
export function tableOf(stat: Stat): string {
  const { health, content, disk, commits } = stat;
  const count = (n: number): string => n.toLocaleString("en");
  const ms = (value: number): string => `${value.toFixed(2)} ms`;
  const rows: [string, string][] = [
    ["health", health.status === "ok" ? "ok" : `${health.status}: ${health.reason}`],
    ["version", stat.version],
    ["uptime", formatDuration(stat.uptime_ms)],
    ["frames", `${count(stat.frames)}, ${formatBytes(stat.frame_bytes)}`],
    ["topics", count(stat.topics)],
    ["content", `${count(content.count)}, ${formatBytes(content.bytes)}`],
    ["  in the database", `${count(content.inline.count)}, ${formatBytes(content.inline.bytes)}`],
    ["  in files", `${count(content.files.count)}, ${formatBytes(content.files.bytes)}`],
    ["database", formatBytes(disk.database_bytes)],
    ["log", formatBytes(disk.log_bytes)],
    ["followers", count(stat.followers)],
    [
      "commits",
      `${count(commits.count)}; of the last 1,000 half within ${ms(commits.p50_ms)}, 99 % within ${ms(commits.p99_ms)}, all within ${ms(commits.max_ms)}`,
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
  if (stat.top.length === 0) return `${lines.join("\n")}\n`;
  const topics = stat.top.map(({ topic, frames, bytes }): [string, string, string] => [
    topic,
    count(frames),
    formatBytes(bytes),
  ]);
  const head: [string, string, string] = ["topic", "frames", "bytes"];
  const widths = [0, 1, 2].map((column) => Math.max(...[head, ...topics].map((row) => row[column]?.length ?? 0)));
  const [first = 0, second = 0, third = 0] = widths;
  const table = [head, ...topics].map(
    ([topic, frames, bytes]) => `${topic.padEnd(first)}  ${frames.padStart(second)}  ${bytes.padStart(third)}`,
  );
  return `${lines.join("\n")}\n\n${table.join("\n")}\n`;
}

/** Bytes with a binary unit: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

function formatDuration(ms: number): string {
  const [days, hours, minutes] = [
    Math.floor(ms / 86_400_000),
    Math.floor(ms / 3_600_000) % 24,
    Math.floor(ms / 60_000) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(ms / 1000)} s`;
}
