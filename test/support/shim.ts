// The shim under a server: system calls that fail, and the journal of those that did not. See test/faults/shim.c.
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "./xs.ts";

const SOURCE = resolve(import.meta.dir, "../faults/shim.c");

export const CALLS = ["open", "write", "fsync", "rename", "unlink", "mkdir"] as const;
export type Call = (typeof CALLS)[number];

/** Errors of Linux, by number. */
const ERRNO = { EIO: 5, EMFILE: 24, ENOSPC: 28, EROFS: 30 } as const;

export type Failure = {
  readonly call: Call;
  /** From 1 on. */
  readonly nth: number;
  readonly times: "once" | "ever";
  readonly error: keyof typeof ERRNO;
  /** How the paths end that are meant; all without it. */
  readonly only?: string;
};

let built: Promise<string> | undefined;

/** Compiles the shim once; answers its path. */
export function shimPath(): Promise<string> {
  built ??= (async () => {
    const path = join(tmpdir(), `xs-shim-${process.pid}.so`);
    const { code, stderr } = await run(["gcc", "-shared", "-fPIC", "-O2", "-o", path, SOURCE, "-ldl", "-lpthread"]);
    if (code !== 0) throw new Error(`the shim does not compile: ${stderr}`);
    process.on("exit", () => rmSync(path, { force: true }));
    return path;
  })();
  return built;
}

/** The environment of a server whose calls on the files of a store are failed, or noted in a journal. */
export async function shimEnv(
  store: string,
  { failure, fired, journal }: { failure?: Failure; fired?: string; journal?: string },
): Promise<Record<string, string>> {
  return {
    LD_PRELOAD: await shimPath(),
    XS_SHIM_DIR: store,
    ...(failure === undefined
      ? {}
      : { XS_SHIM_FAIL: `${failure.call}:${failure.nth}:${failure.times}:${ERRNO[failure.error]}` }),
    ...(failure?.only === undefined ? {} : { XS_SHIM_ONLY: failure.only }),
    ...(fired === undefined ? {} : { XS_SHIM_FIRED: fired }),
    ...(journal === undefined ? {} : { XS_SHIM_JOURNAL: journal }),
  };
}

/** The calls that were failed, as `<call> <path>`. */
export const firedCalls = (path: string): string[] =>
  existsSync(path)
    ? readFileSync(path, "utf8")
        .trimEnd()
        .split("\n")
        .filter((line) => line !== "")
    : [];
