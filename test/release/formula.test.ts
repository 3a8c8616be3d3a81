// The Homebrew formula under real Ruby, with a stub of Homebrew: what it says, what it installs, and its own test.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ReleaseFacts } from "../../scripts/packaging.ts";
import { smallRelease } from "../support/release.ts";
import { temporaryDir } from "../support/store.ts";
import { ok, run } from "../support/xs.ts";

const STUB = resolve(import.meta.dir, "../support/homebrew.rb");
const BASE_URL = "https://releases.example/xs";
const dir = temporaryDir();
const file = join(dir.path, "xs.rb");
let facts: ReleaseFacts;

const hasRuby = Bun.which("ruby") !== null;
if (!hasRuby) console.warn("SKIPPED: ruby is not installed; the Homebrew formula is not tested");

beforeAll(() => {
  facts = smallRelease(dir.path, BASE_URL);
});
afterAll(dir.remove);

test.skipIf(!hasRuby)("the formula has no fault of syntax", async () => {
  expect(await run(["ruby", "-wc", file])).toMatchObject({ code: 0, stdout: "Syntax OK\n", stderr: "" });
});

test.skipIf(!hasRuby)(
  "each system gets its own archive with its sum, and a service and caveats that name what there is",
  async () => {
    const systems = {
      "darwin-arm64": "macos arm",
      "darwin-x64": "macos intel",
      "linux-arm64": "linux arm",
      "linux-x64": "linux intel",
    };
    for (const [name, system] of Object.entries(systems)) {
      const archive = facts.archives.find(({ target }) => target.name === name);
      const { code, stdout, stderr } = await run(["ruby", STUB, file, "info", ...system.split(" ")]);
      expect([code, stderr]).toEqual([0, ""]);
      const said = JSON.parse(stdout) as Record<string, unknown>;
      expect(said).toMatchObject({
        version: facts.version,
        license: "MIT",
        url: `${BASE_URL}/v${facts.version}/xs-v${facts.version}-${name}.tar.gz`,
        sha256: archive?.sha256,
        service: {
          run: ["/prefix/opt/xs/bin/xs", "serve", "/prefix/var/xs"],
          keep_alive: true,
          log_path: "/prefix/var/log/xs.log",
        },
      });
      expect(said["caveats"]).toContain("XS_ADDR");
      // What the caveats name must be there.
      expect(await ok(["help", "nu"])).toContain("--install");
    }
  },
);

test.skipIf(!hasRuby)(
  "it installs every file of the archive, and its test serves, appends and reads back",
  async () => {
    const stem = `xs-v${facts.version}-linux-x64`;
    const [prefix, testpath] = [join(dir.path, "prefix"), join(dir.path, "testpath")];
    mkdirSync(testpath);
    expect(await run(["tar", "-xzf", join(dir.path, `${stem}.tar.gz`), "-C", dir.path])).toMatchObject({ code: 0 });
    const cwd = join(dir.path, stem);
    expect(await run(["ruby", STUB, file, "install", prefix], { cwd })).toMatchObject({ code: 0, stderr: "" });
    const installed = readdirSync(prefix, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath.slice(prefix.length + 1), entry.name));
    expect(installed.toSorted()).toEqual([
      "bin/xs",
      "etc/bash_completion.d/xs",
      "share/fish/vendor_completions.d/xs.fish",
      "share/man/man1/xs.1",
      "share/xs/xs-completions.nu",
      "share/xs/xs.nu",
      "share/zsh/site-functions/_xs",
    ]);
    const { code, stderr } = await run(["ruby", STUB, file, "test", prefix, testpath], { cwd: testpath });
    expect([code, stderr.replaceAll(/^\d\d:\d\d:.*\n/gm, "").replaceAll(/^xs: no (store|server).*\n/gm, "")]).toEqual([
      0,
      "",
    ]);
  },
);

test("the Nix package names the same archives", () => {
  const text = readFileSync(join(dir.path, "xs.nix"), "utf8");
  for (const { target, sha256 } of facts.archives) {
    if (target.name.includes("musl") || target.name.includes("windows")) continue;
    expect(text).toContain(
      `url = "${BASE_URL}/v${facts.version}/xs-v${facts.version}-${target.name}.tar.gz"; sha256 = "${sha256}"`,
    );
  }
});
