// Nushell as a black box: the real nu with xs.nu, against a store.
import { chmodSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryDir } from "./store.ts";
import { COMMAND, run, withServer, type Served } from "./xs.ts";

export const MODULE = resolve(import.meta.dir, "../../xs.nu");
/** The program itself: the npm package's `nu` is a script of Node that costs a start of its own. */
export const NU = Bun.resolveSync(
  `@nushell/${process.platform}-${process.arch}/bin/nu`,
  import.meta.resolve("nushell/package.json").replace("file://", ""),
);

// What every script may use: the message of an error, and whether there was one.
const PRELUDE = `use ${MODULE} *
def fault [act: closure] { try { do $act; "no error" } catch {|error| $error.msg } }
`;

export type Session = {
  readonly server: Served;
  /** An empty directory, which is where scripts run. */
  readonly dir: string;
  readonly env: Record<string, string>;
  /** Runs a script and answers its last value by way of JSON; throws with what Nushell said when it fails. */
  readonly nu: <T = unknown>(script: string, env?: Record<string, string>) => Promise<T>;
};

/** Runs a test with a server on a new store at `./store` of a new directory. */
export async function withNu(test: (session: Session) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  try {
    await withServer(async (server) => {
      const env = { XS_ADDR: server.addr, XS_BIN: oneWord(dir.path), NO_COLOR: "1" };
      const nu = async <T>(script: string, more: Record<string, string> = {}): Promise<T> =>
        JSON.parse(await nuText(`${PRELUDE}do {\n${script}\n} | to json --raw`, dir.path, { ...env, ...more })) as T;
      await test({ server, dir: dir.path, env, nu });
    });
  } finally {
    dir.remove();
  }
}

/** Runs a script as it is, and answers what it prints. */
export async function nuText(script: string, cwd: string, env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await run([NU, "--no-config-file", "--commands", script], { cwd, env });
  if (code !== 0) throw new Error(`nu ended with ${code}: ${stderr}\n${stdout}`);
  return stdout;
}

// $env.XS_BIN names one file; from source the program is two words.
function oneWord(dir: string): string {
  if (COMMAND.length === 1) return COMMAND[0] ?? "";
  const path = join(dir, "xs");
  writeFileSync(path, `#!/bin/sh\nexec ${COMMAND.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  chmodSync(path, 0o700);
  return path;
}
