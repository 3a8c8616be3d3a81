// docs/howto/shell-log.md: its hooks in an interactive Nushell. (The page's own commands run its bash part.)
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { eventually } from "../support/eventually.ts";
import { MODULE, NU } from "../support/nu.ts";
import { filesOf, writeFiles } from "../support/page-files.ts";
import { startShell } from "../support/shell.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, withServer } from "../support/xs.ts";

const PAGE = resolve(import.meta.dir, "../../docs/howto/shell-log.md");

test("what is typed into Nushell is logged with its directory and exit code, but for lines that begin with a space", async () => {
  const dir = temporaryDir();
  writeFiles(filesOf(readFileSync(PAGE, "utf8")), dir.path);
  writeFileSync(join(dir.path, "config.nu"), `use ${MODULE} *\nsource ${join(dir.path, "xs-log.nu")}\n`);
  await withServer(async ({ addr }) => {
    const logged = async (): Promise<{ meta: unknown; hash: string }[]> =>
      lines(await ok(["cat", addr, "--topic", "shell.nu"]));
    const shell = startShell([NU, "--config", join(dir.path, "config.nu")], dir.path, { XS_LOG_STORE: addr });
    try {
      await shell.shows(">");
      for (const [index, line] of ["cd /", " print private", "^sh -c 'exit 4'"].entries()) {
        shell.clear();
        shell.type(`${line}\r`);
        // The private line leaves no event to wait for: its output comes, and then the prompt.
        if (index === 1) await shell.shows("private\r\n");
        else await eventually(line, async () => (await logged()).length === Math.ceil((index + 1) / 2));
      }
      const [first, second] = await logged();
      expect(first?.meta).toMatchObject({ cwd: dir.path, exit: 0 });
      expect(second?.meta).toMatchObject({ cwd: "/", exit: 4 });
      expect(await ok(["cas", addr, second?.hash ?? ""])).toBe("^sh -c 'exit 4'");
    } finally {
      await shell.end();
      dir.remove();
    }
  });
});
