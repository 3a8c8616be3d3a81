// The other surfaces beside the command line: the socket, and Nushell with xs.nu.
import { join, resolve } from "node:path";
import { NU } from "./nu.ts";
import { COMMAND, run } from "./xs.ts";

const ROOT = resolve(import.meta.dir, "../..");

/** The socket of a store directory. */
export const SOCKET_OF = (addr: string): string => join(addr, "sock");

/** Runs a Nushell script with the module loaded and XS_ADDR set; answers its stdout. Throws with its stderr. */
export async function nuOf(addr: string, script: string): Promise<string> {
  const command = [NU, "--no-config-file", "-c", `use "${join(ROOT, "xs.nu")}" *\n${script}`];
  const { code, stdout, stderr } = await run(command, {
    env: { XS_ADDR: addr, XS_BIN: COMMAND.length === 1 ? (COMMAND[0] ?? "") : "" },
  });
  if (code !== 0) throw new Error(`nu ended with ${code}: ${stderr}`);
  return stdout;
}
