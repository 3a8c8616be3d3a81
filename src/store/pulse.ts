// The pulse of a running store: what can be told at once, whatever its size.
import { statSync } from "node:fs";
import { databasePath } from "./schema.ts";

export type Pulse = {
  /** Since the store was opened, in ms. */
  readonly uptime_ms: number;
  /** Reads that follow. */
  readonly followers: number;
  /** Writes that wait for a commit. */
  readonly writes_waiting: number;
  /** All commits since the start, and how long the last 1,000 took. */
  readonly commits: { readonly count: number; readonly total_ms: number } & Percentiles;
  readonly disk: Disk;
};

/** Of some durations in ms; 0 where there are none. */
export type Percentiles = { readonly p50_ms: number; readonly p99_ms: number; readonly max_ms: number };

/** Sizes in bytes of the database file and of its write-ahead log. */
export type Disk = { readonly database_bytes: number; readonly log_bytes: number };

/** Percentiles by the nearest rank. */
export function percentiles(ms: readonly number[]): Percentiles {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return { p50_ms: at(0.5), p99_ms: at(0.99), max_ms: sorted.at(-1) ?? 0 };
}

/** The sizes of the database's files; looking at them opens none, for that would cost SQLite its locks. */
export function diskOf(dir: string): Disk {
  const path = databasePath(dir);
  const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return { database_bytes: sizeOf(path), log_bytes: sizeOf(`${path}-wal`) };
}
