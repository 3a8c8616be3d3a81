// Measuring: medians, interleaved rounds, and what this machine's disk and sockets do at best.
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";

// From statfs(2): a file system in memory, where an fsync costs nothing and every durable figure would be a lie.
const TMPFS_MAGIC = 0x01021994;
// What one small frame brings to the log, about: a page. Written in a ring, as SQLite does, for a file that grows has its
// length to sync too.
const FSYNC_BYTES = 4096;
const RING_PAGES = 1024;

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The value at a share between 0 and 1 of the sorted values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Runs every side once a round, in turn, so that what the machine does meanwhile meets all of them alike. */
export async function interleave<K extends string>(
  rounds: number,
  sides: Readonly<Record<K, () => number | Promise<number>>>,
): Promise<Record<K, number[]>> {
  const names = Object.keys(sides) as K[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<K, number[]>;
  for (let round = 0; round < rounds; round++) {
    // Every other round goes the other way, so that no side always runs in the shadow of the same neighbour.
    for (const name of round % 2 === 0 ? names : names.toReversed()) results[name].push(await sides[name]());
  }
  return results;
}

/** The median of the ratios within each round: steadier than the ratio of medians on a machine that others use too. */
export const ratioOf = (values: readonly number[], bound: readonly number[]): number =>
  median(values.map((value, round) => value / (bound[round] ?? Number.NaN)));

/** Milliseconds that a task takes. */
export async function timed(task: () => unknown): Promise<number> {
  const start = performance.now();
  await task();
  return performance.now() - start;
}

/** Whether a directory is in memory rather than on a disk. */
export const isInMemory = (dir: string): boolean => statfsSync(dir).type === TMPFS_MAGIC;

/** Writes and fsyncs a page again and again for `ms`; answers fsyncs a second. */
export function fsyncRate(dir: string, ms: number): number {
  const path = join(dir, "fsync");
  const file = openSync(path, "w");
  const page = new Uint8Array(FSYNC_BYTES);
  writeSync(file, new Uint8Array(FSYNC_BYTES * RING_PAGES));
  fsyncSync(file);
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < ms; count++) {
    writeSync(file, page, 0, page.length, (count % RING_PAGES) * page.length);
    fsyncSync(file);
  }
  const seconds = (performance.now() - start) / 1000;
  closeSync(file);
  rmSync(path);
  return count / seconds;
}

/** Milliseconds of CPU that a process has used, all its threads together (Linux; NaN elsewhere). */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    // Fields 14 and 15 of proc(5) in ticks of 10 ms; the first two are cut off here.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process in MB, and of it what is its own and not a page of a file (Linux; NaN elsewhere). */
export function memoryOf(pid: number): { residentMb: number; ownMb: number } {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const mb = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
    return { residentMb: mb("VmRSS"), ownMb: mb("RssAnon") };
  } catch {
    return { residentMb: Number.NaN, ownMb: Number.NaN };
  }
}

/** A rate or count for people: 33,100. */
export const whole = (value: number): string => Math.round(value).toLocaleString("en");

/** Milliseconds for people: 0.31 ms. */
export const inMs = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
