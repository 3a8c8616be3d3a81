// The install script, run for real against a release that is served on loopback.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VERSION } from "../../scripts/source.ts";
import { serveRelease, smallRelease } from "../support/release.ts";
import { temporaryDir } from "../support/store.ts";
import { type Ran, run } from "../support/xs.ts";

const dir = temporaryDir();
const release = join(dir.path, "release");
const script = join(release, "install.sh");
const archive = `xs-v${VERSION}-linux-${process.arch}.tar.gz`;
let served: ReturnType<typeof serveRelease>;
let homes = 0;

// The script asks uname; there is no archive for what this machine is not.
const isLinux = process.platform === "linux";
if (!isLinux) console.warn("SKIPPED: not on Linux; the install script is tested there");
const SHELLS = ["dash", "bash", "sh"].filter((shell) => Bun.which(shell) !== null);

beforeAll(() => {
  mkdirSync(release);
  served = serveRelease(release);
  smallRelease(release, served.baseUrl);
});
afterAll(async () => {
  await served.stop();
  dir.remove();
});

/** A home that nobody has used. */
function newHome(): string {
  const home = join(dir.path, `home-${homes++}`);
  mkdirSync(home);
  return home;
}

async function install(home: string, env: Record<string, string> = {}, shell = SHELLS[0] ?? "sh"): Promise<Ran> {
  return run([shell, script], { env: { HOME: home, XS_INSTALL_DIR: "", ...env } });
}

const files = (home: string): string[] =>
  readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath.slice(home.length + 1), entry.name))
    .toSorted();

const INSTALLED = [
  ".local/bin/xs",
  ".local/share/bash-completion/completions/xs",
  ".local/share/fish/vendor_completions.d/xs.fish",
  ".local/share/man/man1/xs.1",
  ".local/share/xs/xs-completions.nu",
  ".local/share/xs/xs.nu",
  ".local/share/zsh/site-functions/_xs",
];

/** A PATH that holds only these programs. */
function pathOf(programs: readonly string[]): string {
  const bin = join(newHome(), "bin");
  mkdirSync(bin);
  for (const program of programs) symlinkSync(Bun.which(program) ?? `/missing/${program}`, join(bin, program));
  return bin;
}

const BASICS = [
  "awk",
  "cat",
  "chmod",
  "cp",
  "dirname",
  "grep",
  "gzip",
  "ldd",
  "mkdir",
  "mktemp",
  "mv",
  "rm",
  "sh",
  "tar",
  "uname",
];

for (const shell of SHELLS) {
  test.skipIf(!isLinux)(`${shell} installs into ~/.local, says where, and does it again`, async () => {
    const home = newHome();
    for (const round of [1, 2]) {
      const { code, stdout, stderr } = await install(home, {}, shell);
      expect([round, code, stdout]).toEqual([round, 0, ""]);
      expect(stderr).toContain(`installed ${home}/.local/bin/xs\n`);
      expect(stderr).toContain(`${home}/.local/bin is not on your PATH`);
      expect(files(home)).toEqual(INSTALLED);
      expect(statSync(join(home, ".local/bin/xs")).mode & 0o777).toBe(0o755);
      expect((await run([join(home, ".local/bin/xs"), "--version"])).stdout).toStartWith(`xs ${VERSION} `);
    }
  });
}

test.skipIf(!isLinux)("a directory of one's own gets the binary alone, and PATH is recognised", async () => {
  const home = newHome();
  const tools = join(home, "my tools");
  const { code, stderr } = await install(home, { XS_INSTALL_DIR: tools, PATH: `${process.env["PATH"]}:${tools}` });
  expect(code).toBe(0);
  expect(files(home)).toEqual(["my tools/xs"]);
  expect(stderr).toContain(`${tools} is on your PATH`);
});

for (const [tool, rest] of [
  ["curl", ["sha256sum"]],
  ["wget", ["sha256sum"]],
] as const) {
  const isHere = Bun.which(tool) !== null;
  if (!isHere) console.warn(`SKIPPED: ${tool} is not installed; the install script is not tested with it`);
  test.skipIf(!isLinux || !isHere)(`it downloads with ${tool} where that is all there is`, async () => {
    const home = newHome();
    const { code, stderr } = await install(home, { PATH: pathOf([...BASICS, tool, ...rest]) }, "/bin/sh");
    expect([code, stderr.includes("fail")]).toEqual([0, false]);
    expect(files(home)).toEqual(INSTALLED);
  });
}

test.skipIf(!isLinux)("without anything to download or to check with, it says so and installs nothing", async () => {
  for (const [tools, said] of [
    [[], "neither curl nor wget"],
    [["curl"], "neither sha256sum nor shasum"],
  ] as const) {
    const home = newHome();
    const { code, stderr } = await install(home, { PATH: pathOf([...BASICS, ...tools]) }, "/bin/sh");
    expect([code, files(home)]).toEqual([1, []]);
    expect(stderr).toContain(said);
  }
});

test.skipIf(!isLinux)("an archive whose sum is wrong is refused, and what was installed stays", async () => {
  const home = newHome();
  expect((await install(home)).code).toBe(0);
  const before = readFileSync(join(home, ".local/bin/xs"));
  const bytes = readFileSync(join(release, archive));
  try {
    writeFileSync(join(release, archive), Buffer.concat([bytes, Buffer.from("more")]));
    for (const [at, expected] of [
      [home, INSTALLED],
      [newHome(), []],
    ] as const) {
      const { code, stderr } = await install(at);
      expect(code).toBe(1);
      expect(stderr).toContain("nothing was installed");
      expect(files(at)).toEqual([...expected]);
    }
    expect(readFileSync(join(home, ".local/bin/xs")).equals(before)).toBe(true);
  } finally {
    writeFileSync(join(release, archive), bytes);
  }
});

test.skipIf(!isLinux)(
  "a release that is not there, or does not name the archive, is an error that says which",
  async () => {
    const home = newHome();
    const missing = await install(home, { XS_VERSION: "99.0.0" });
    expect([missing.code, missing.stderr.includes("could not download")]).toEqual([1, true]);
    const sums = readFileSync(join(release, "SHA256SUMS"), "utf8");
    try {
      writeFileSync(join(release, "SHA256SUMS"), sums.replace(/^.*linux.*\n/gm, ""));
      const unnamed = await install(home);
      expect([unnamed.code, unnamed.stderr.includes(`does not name ${archive}`)]).toEqual([1, true]);
    } finally {
      writeFileSync(join(release, "SHA256SUMS"), sums);
    }
    expect(files(home)).toEqual([]);
  },
);

test("as it is in the source, it asks for what the release would have filled in", async () => {
  const { code, stderr } = await run(["sh", join(import.meta.dir, "../../docs/packaging/install.sh")], {
    env: { HOME: newHome(), XS_INSTALL_DIR: "" },
  });
  expect([code, stderr.includes("set XS_VERSION and XS_BASE_URL")]).toEqual([1, true]);
});

test.skipIf(!isLinux)("no temporary file stays", async () => {
  const temporary = newHome();
  await install(newHome(), { TMPDIR: temporary });
  await install(newHome(), { TMPDIR: temporary, XS_VERSION: "99.0.0" });
  expect(files(temporary)).toEqual([]);
  expect(existsSync(temporary)).toBe(true);
});
