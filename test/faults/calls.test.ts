// System calls that fail, one after the other until none is left: what was acknowledged holds, and the fault is told.
import { expect } from "bun:test";
import { runScenario, type Outcome } from "../support/scenario.ts";
import { type Call, CALLS, type Failure } from "../support/shim.ts";
import { IS_SOAK, testWith } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";

// In the gate every so many calls; they differ by kind, for a scenario makes some of one and many of another.
const STRIDE: Readonly<Record<Call, number>> = { open: 9, write: 47, fsync: 11, rename: 1, unlink: 4, mkdir: 3 };

async function outcomeOf(failure: Failure, options: { isRecovery?: boolean; isLong?: boolean }): Promise<Outcome> {
  const dir = temporaryDir();
  try {
    return await runScenario(dir.path, failure, options);
  } finally {
    dir.remove();
  }
}

const nameOf = ({ call, nth, times, error }: Failure): string => `${call} number ${nth} fails with ${error} ${times}`;

function expectTold(failure: Failure, { fired, exitCode, log }: Outcome): void {
  const what = `${nameOf(failure)} (${fired[0]}): exit code ${exitCode}, ${log}`;
  // 0: the fault was survived or refused; 6: it was fatal; 3: a file could not be opened at the start.
  expect(failure.call === "open" ? [0, 3, 6] : [0, 6], what).toContain(exitCode);
  if (exitCode !== 0) expect(log, what).toMatch(/the disk failed|cannot be opened/);
  if (log.includes("the disk failed")) expect(exitCode, what).toBe(6);
  // A write or sync that failed is never passed over in silence; but SQLite does not look at what it hears when it syncs the
  // directory of its log, which is why a start syncs that directory itself.
  const isOfDirectory = fired.every((one) => one.endsWith("/store"));
  if (["write", "fsync"].includes(failure.call) && !isOfDirectory) expect(log, what).not.toBe("");
}

async function everyNth(
  call: Call,
  error: Failure["error"],
  times: Failure["times"],
  options: { isRecovery?: boolean; isLong?: boolean },
): Promise<number> {
  const stride = IS_SOAK ? 1 : STRIDE[call];
  let runs = 0;
  for (let nth = 1; ; nth += stride) {
    const failure: Failure = { call, nth, times, error };
    const outcome = await outcomeOf(failure, options).catch((fault: Error) => {
      throw new Error(`${nameOf(failure)}: ${fault.message}`);
    });
    if (outcome.fired.length === 0) return runs;
    runs++;
    expectTold(failure, outcome);
  }
}

for (const times of ["once", "ever"] as const) {
  for (const call of CALLS) {
    for (const isRecovery of IS_SOAK ? [false, true] : [call === "write"]) {
      testWith(
        ["gcc and seccomp"],
        `every ${call} that fails ${times}${isRecovery ? " in and after the start that follows a crash" : " from the first start on"} is told, and loses nothing that was acknowledged (I1, I3, C1, C2, C7)`,
        async () => {
          const runs = await everyNth(call, "EIO", times, { isRecovery });
          expect(runs).toBeGreaterThan(0);
          if (IS_SOAK) console.error(`${runs} runs: ${call} ${times}${isRecovery ? " in recovery" : ""}`);
        },
      );
    }
  }
}
