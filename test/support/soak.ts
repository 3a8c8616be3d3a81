// The two sizes of a fault test: short in the gate, long in `npm run soak`; and what it needs of the machine.
import { test } from "bun:test";
import { existsSync } from "node:fs";

export const IS_SOAK = process.env["XS_SOAK"] === "1";

/** A count in the gate, and in the soak. */
export const sized = (gate: number, soak: number): number => (IS_SOAK ? soak : gate);

/** From this the random choices of a run follow; XS_SEED repeats one. */
export const SEED = Number(process.env["XS_SEED"] ?? (IS_SOAK ? Date.now() % 1_000_000 : 1));

/** What a test cannot do without. */
export type Need = "root" | "gcc and seccomp" | "libfaketime" | { readonly command: string };

export const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

function missing(need: Need): string | null {
  if (need === "root") return process.getuid?.() === 0 ? null : "it is not run as root";
  if (need === "libfaketime") return existsSync(FAKETIME) ? null : "there is no libfaketime";
  if (need === "gcc and seccomp") {
    if (process.platform !== "linux" || process.arch !== "x64") return "it is not Linux on x64";
    return Bun.which("gcc") ? null : "there is no gcc";
  }
  return Bun.which(need.command) ? null : `there is no ${need.command}`;
}

/** A test that says loudly that it was skipped where the machine lacks something. */
export function testWith(needs: readonly Need[], name: string, run: () => Promise<void>, ms = 300_000): void {
  const reasons = needs.map(missing).filter((reason) => reason !== null);
  if (reasons.length === 0) return void test(name, run, ms * (IS_SOAK ? 20 : 1));
  console.error(`SKIPPED: ${name}: ${reasons.join(", ")}`);
  test.skip(name, run);
}
