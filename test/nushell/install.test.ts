// xs nu: the module, printed and installed, as Nushell then finds it.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MODULE, NU } from "../support/nu.ts";
import { temporaryDir } from "../support/store.ts";
import { ok, run, xs } from "../support/xs.ts";

/** An empty home, where Nushell and the program look for their files. */
async function withHome(test: (home: string, env: Record<string, string>) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  const env = { HOME: dir.path, XDG_CONFIG_HOME: join(dir.path, "config"), XDG_DATA_HOME: join(dir.path, "data") };
  try {
    await test(dir.path, env);
  } finally {
    dir.remove();
  }
}

// Autoload files are read by a session, not by `--commands`; without a terminal it ends with its input.
const hasCommands = async (env: Record<string, string>): Promise<string> =>
  (await run([NU, "--execute", "print (scope commands | where name == .append | length); exit"], { env })).stdout;

test("xs nu prints the module", async () => {
  expect(`${await ok(["nu"])}\n`).toBe(readFileSync(MODULE, "utf8"));
});

test("an installed module is there at the next start of Nushell, and gone after a clean", async () => {
  await withHome(async (home, env) => {
    const [module, autoload] = [
      join(home, "config/nushell/scripts/xs.nu"),
      join(home, "data/nushell/vendor/autoload/xs-use.nu"),
    ];
    for (let time = 0; time < 2; time++) {
      const { code, stdout, stderr } = await xs(["nu", "--install"], { env });
      expect({ code, stdout, stderr }).toEqual({
        code: 0,
        stdout: "",
        stderr: `xs: wrote ${module}\nxs: wrote ${autoload}\n`,
      });
    }
    expect(readFileSync(module, "utf8")).toBe(readFileSync(MODULE, "utf8"));
    expect(await hasCommands(env)).toContain("1");
    expect((await xs(["nu", "--clean"], { env })).stderr).toBe(`xs: removed ${module}\nxs: removed ${autoload}\n`);
    expect([existsSync(module), existsSync(autoload)]).toEqual([false, false]);
    expect(await xs(["nu", "--clean"], { env })).toMatchObject({ code: 0, stderr: expect.stringContaining("no ") });
  });
});

test("each place may be chosen alone, also one whose name needs quoting", async () => {
  await withHome(async (home, env) => {
    const lib = join(home, "it's 'lib'#");
    await ok(["nu", "--install", "--lib-path", lib], { env });
    expect(await hasCommands(env)).toContain("1");
    await ok(["nu", "--clean", "--lib-path", lib], { env });
    const autoload = join(home, "elsewhere");
    await ok(["nu", "--install", "--autoload-path", autoload], { env });
    expect(readFileSync(join(autoload, "xs-use.nu"), "utf8")).toContain(join(home, "config/nushell/scripts/xs.nu"));
  });
});

test("a file of somebody else is neither replaced nor removed", async () => {
  await withHome(async (home, env) => {
    const lib = join(home, "lib");
    mkdirSync(lib);
    writeFileSync(join(lib, "xs.nu"), "# mine\n");
    for (const action of ["--install", "--clean"]) {
      const { code, stderr } = await xs(["nu", action, "--lib-path", lib], { env });
      expect(code).toBe(5);
      expect(stderr).toContain("is there and is not this program's");
    }
    expect(readFileSync(join(lib, "xs.nu"), "utf8")).toBe("# mine\n");
    expect(existsSync(join(home, "data"))).toBe(false);
  });
});

test("flags that do not go together are refused", async () => {
  for (const flags of [
    ["--install", "--clean"],
    ["--lib-path", "x"],
  ]) {
    expect((await xs(["nu", ...flags])).code).toBe(2);
  }
});
