// System calls that fail, one after the other until none is left: what was acknowledged holds, and the fault is told.
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expectWhole } from "../support/load.ts";
import { runScenario, type Outcome, startUnderFault } from "../support/scenario.ts";
import { type Call, CALLS, type Failure, firedCalls, shimEnv } from "../support/shim.ts";
import { IS_SOAK, testWith } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";
import { serve, xs } from "../support/xs.ts";

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
  // 0: the fault was survived or refused; 6: it was fatal. At the start 3: a file could not be opened, 1: there is no space.
  const codes = ["open", "unlink"].includes(failure.call) || failure.error === "EROFS" ? [0, 3, 6] : [0, 6];
  expect(failure.error === "ENOSPC" ? [...codes, 1] : codes, what).toContain(exitCode);
  if (exitCode !== 0) expect(log, what).toMatch(/the disk failed|cannot be (opened|written|removed)/);
  if (log.includes("the server stops")) expect(exitCode, what).toBe(6);
  // A write or sync that failed is never passed over in silence; but SQLite does not look at what it hears when it syncs the
  // directory of its log, which is why a start syncs that directory itself.
  // And the lock's files hold nothing of the store, a copy is held against its checksums by who asked for it.
  // And at its end SQLite shortens a log that it has no more use for, and a checkpoint begins with a hint of the size to come:
  // what fails there changes nothing.
  const isNothing = fired.every(
    (one) =>
      /\/(store|pid|lock-journal|copy-1-journal)$/.test(one) || /^truncate .*-wal$|^write .*\/store\.db$/.test(one),
  );
  if (["write", "fsync"].includes(failure.call) && !isNothing) expect(log, what).not.toBe("");
}

type Sweep = Omit<Failure, "nth"> & {
  readonly stride: number;
  readonly isRecovery?: boolean;
  readonly isLong?: boolean;
};

/** Fails the first call, a later one, and so on until none is left to fail; answers how often one failed. */
async function everyNth({ stride, isRecovery = false, isLong = false, ...kind }: Sweep): Promise<number> {
  let runs = 0;
  for (let nth = 1; ; nth += stride) {
    const failure: Failure = { ...kind, nth };
    const outcome = await outcomeOf(failure, { isRecovery, isLong }).catch((fault: Error) => {
      throw new Error(`${nameOf(failure)}: ${fault.message}`);
    });
    if (outcome.fired.length === 0) break;
    runs++;
    expectTold(failure, outcome);
  }
  expect(runs).toBeGreaterThan(0);
  if (IS_SOAK)
    console.error(`${runs} runs: ${kind.call} ${kind.error} ${kind.times}${isRecovery ? " in recovery" : ""}`);
  return runs;
}

for (const times of ["once", "ever"] as const) {
  for (const call of CALLS) {
    // What fails for ever differs from what fails once only where the server goes on; the gate tries what matters most.
    if (!IS_SOAK && times === "ever" && call !== "fsync") continue;
    for (const isRecovery of IS_SOAK ? [false, true] : [call === "write"]) {
      testWith(
        ["gcc and seccomp"],
        `every ${call} that fails ${times}${isRecovery ? " in and after the start that follows a crash" : " from the first start on"} is told, and loses nothing that was acknowledged (I1, I3, C1, C2, C7)`,
        async () => {
          await everyNth({ call, times, error: "EIO", stride: IS_SOAK ? 1 : STRIDE[call], isRecovery });
        },
      );
    }
  }
}

// The database file is written by checkpoints alone, once it has been made.
for (const call of IS_SOAK ? (["fsync", "write"] as const) : (["fsync"] as const)) {
  testWith(
    ["gcc and seccomp"],
    `a ${call} that fails in a checkpoint is told and ends the server, and loses nothing that was acknowledged (I1, C1)`,
    async () => {
      const stride = call === "write" ? 400 : IS_SOAK ? 1 : 2;
      for (const times of IS_SOAK ? (["once", "ever"] as const) : (["ever"] as const)) {
        await everyNth({ call, times, error: "EIO", only: "/store.db", stride, isLong: true });
      }
    },
  );
}

// The disk is told to begin while the rest still comes, and the kernel tells of a failure once only.
testWith(
  ["gcc and seccomp"],
  "a sync that fails in the middle of an upload is told and ends the server, and nothing of the upload stays (I1, C7)",
  async () => {
    const dir = temporaryDir();
    const [addr, fired] = [join(dir.path, "store"), join(dir.path, "fired")];
    try {
      const failure: Failure = { call: "fsync", nth: 1, times: "once", error: "EIO", only: "/cas/tmp/1" };
      const server = await startUnderFault(addr, await shimEnv(addr, { failure, fired }));
      const { code, stderr } = await xs(["append", addr, "large"], { stdin: new Uint8Array(20_000_000) });
      expect([code, stderr]).toEqual([3, expect.stringMatching(/the disk failed .*fdatasync.*the server stops/)]);
      expect((await server.stop()).code).toBe(6);
      expect(firedCalls(fired)).toHaveLength(1);
      const again = await serve(addr, ["--quiet"]);
      expect(readdirSync(join(addr, "cas/tmp"))).toEqual([]);
      expect(await xs(["head", addr, "large"])).toMatchObject({ code: 4 });
      await expectWhole(addr).finally(() => again.kill());
    } finally {
      dir.remove();
    }
  },
);

if (IS_SOAK) {
  for (const [call, error] of [
    ["write", "ENOSPC"],
    ["open", "ENOSPC"],
    ["open", "EMFILE"],
    ["write", "EROFS"],
  ] as const) {
    testWith(
      ["gcc and seccomp"],
      `every ${call} that fails with ${error} once is told, and loses nothing that was acknowledged (I1, I3, C1, C7, S4, S5)`,
      async () => {
        await everyNth({ call, times: "once", error, stride: 3 });
      },
    );
  }
}
