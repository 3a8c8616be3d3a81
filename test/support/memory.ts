// The memory of a process, as the kernel counts it.
import { readFileSync } from "node:fs";

/** The bytes of a process that are in memory now. */
export function rssOf(pid: number): number {
  if (process.platform !== "linux") {
    const { stdout } = Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)]);
    return Number(stdout.toString()) * 1024;
  }
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}
