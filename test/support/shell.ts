// A person at an interactive shell, for tests: a real shell under a pseudo-terminal, with xs on its PATH.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { COMMAND } from "./xs.ts";

// On a machine under load, zsh takes some seconds to load its completion system.
const SHOW_MS_MAX = 20_000;

export type Shell = {
  /** Types keys as they are; `\t` is the tab key. */
  readonly type: (keys: string) => void;
  /** Forgets what the screen has shown so far. */
  readonly clear: () => void;
  /** Resolves when the screen has shown this text since then. */
  readonly shows: (text: string) => Promise<void>;
  readonly end: () => Promise<void>;
};

/** Puts a command `xs` into a directory that can go on a PATH: the program under test. */
export function installXs(dir: string): void {
  const path = join(dir, "xs");
  writeFileSync(path, `#!/bin/sh\nexec ${COMMAND.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
}

/** Starts a shell whose home and PATH begin at a directory. */
export function startShell(command: readonly string[], dir: string, env: Record<string, string> = {}): Shell {
  let screen = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([...command], {
    cwd: dir,
    env: {
      PATH: `${dir}:${process.env["PATH"] ?? ""}`,
      HOME: dir,
      XDG_CONFIG_HOME: join(dir, "config"),
      XDG_DATA_HOME: join(dir, "data"),
      XDG_CACHE_HOME: join(dir, "cache"),
      TERM: "xterm",
      LANG: "C.UTF-8",
      ...env,
    },
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, bytes) {
        const text = decoder.decode(bytes, { stream: true });
        // A terminal answers where its cursor is, and what it is; some shells wait for that.
        if (text.includes("\x1b[6n")) terminal.write("\x1b[1;1R");
        if (text.includes("\x1b[c") || text.includes("\x1b[0c")) terminal.write("\x1b[?6c");
        screen += text;
      },
    },
  });
  const plain = (): string => Bun.stripANSI(screen);
  return {
    type: (keys) => void child.terminal?.write(keys),
    clear: () => void (screen = ""),
    shows: async (text) => {
      await eventually(`${text} on the screen`, () => plain().includes(text), SHOW_MS_MAX).catch((error: Error) => {
        throw new Error(`${error.message}; it shows ${JSON.stringify(plain())}`);
      });
    },
    end: async () => {
      child.kill("SIGKILL");
      await child.exited;
      child.terminal?.close();
    },
  };
}
