// npm run release:check: what `npm run release` has left in dist/, taken apart, run, and made once more. It takes minutes, so
// the gate leaves it out: its name does not end in .test.ts.
import { afterAll, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { sumsFile } from "../../scripts/packaging.ts";
import { commitOf, VERSION } from "../../scripts/source.ts";
import { archiveName, archiveStem, binaryName, isWindows, type Target, TARGETS } from "../../scripts/targets.ts";
import { serveRelease } from "../support/release.ts";
import { temporaryDir } from "../support/store.ts";
import { type Ran, run } from "../support/xs.ts";

const ROOT = resolve(import.meta.dir, "../..");
const DIST = join(ROOT, "dist");
const MINUTES = 60_000;
const HOST = `${process.platform}-${process.arch}`;

const dir = temporaryDir();
afterAll(dir.remove);

if (!existsSync(join(DIST, "SHA256SUMS"))) throw new Error("dist/ holds no release; make one with: npm run release");
const sums = new Map(
  readFileSync(join(DIST, "SHA256SUMS"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => [line.slice(66), line.slice(0, 64)]),
);
const commit = commitOf();
const bill = JSON.parse(readFileSync(join(DIST, `xs-v${VERSION}.cdx.json`), "utf8")) as {
  bomFormat: string;
  metadata: { component: { version: string; properties: [{ value: string }] } };
  components: { name: string; version: string; purl: string }[];
};
const releasedCommit = bill.metadata.component.properties[0].value;
if (releasedCommit !== commit)
  throw new Error(`dist/ is of ${releasedCommit}, the source is ${commit}: npm run release`);

/** Unpacks the archive for a machine, once, and answers its directory. */
async function unpacked(target: Target): Promise<string> {
  const into = join(dir.path, archiveStem(VERSION, target));
  if (existsSync(into)) return into;
  const path = join(DIST, archiveName(VERSION, target));
  const tool = isWindows(target) ? ["unzip", "-q", path, "-d", dir.path] : ["tar", "-xzf", path, "-C", dir.path];
  expect(await run(tool)).toMatchObject({ code: 0, stderr: "" });
  return into;
}

const targetOf = (name: string): Target => {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new Error(`no target ${name}`);
  return target;
};

/** A script that stands for a binary which needs something in front of it. */
function wrapper(name: string, command: readonly string[]): string {
  const path = join(dir.path, name);
  writeFileSync(path, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A PATH with everything that is on this one but Node and Bun. */
function pathWithoutRuntimes(): string {
  const bin = join(dir.path, "path");
  mkdirSync(bin);
  for (const place of (process.env["PATH"] ?? "").split(":").filter((one) => existsSync(one))) {
    for (const name of readdirSync(place)) {
      if (/^(node|nodejs|npm|npx|corepack|bun|bunx)$/.test(name) || existsSync(join(bin, name))) continue;
      symlinkSync(join(place, name), join(bin, name));
    }
  }
  return bin;
}

async function blackBox(binary: string, files: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const command = [process.execPath, "test", "--timeout", "120000", ...files];
  return run(command, { cwd: ROOT, env: { XS_BIN: binary, ...env }, timeoutMs: 15 * MINUTES });
}

test("SHA256SUMS holds every file of the release with its sum, and nothing else", () => {
  const names = [
    ...TARGETS.map((target) => archiveName(VERSION, target)),
    `xs-v${VERSION}.cdx.json`,
    "install.sh",
    "xs.nix",
    "xs.rb",
  ];
  expect([...sums.keys()]).toEqual(names.toSorted());
  const found = names.map((name) => [
    name,
    createHash("sha256")
      .update(readFileSync(join(DIST, name)))
      .digest("hex"),
  ]);
  expect(readFileSync(join(DIST, "SHA256SUMS"), "utf8")).toBe(sumsFile(Object.fromEntries(found)));
});

// First bytes of an executable, and where it says for which processor: ELF, Mach-O, PE.
const FILE_TYPES: Readonly<Record<string, (bytes: Buffer) => boolean>> = {
  "linux-x64": (bytes) => isElf(bytes, 0x3e, "/lib64/ld-linux-x86-64.so.2"),
  "linux-x64-musl": (bytes) => isElf(bytes, 0x3e, "/lib/ld-musl-x86_64.so.1"),
  "linux-arm64": (bytes) => isElf(bytes, 0xb7, "/lib/ld-linux-aarch64.so.1"),
  "linux-arm64-musl": (bytes) => isElf(bytes, 0xb7, "/lib/ld-musl-aarch64.so.1"),
  "darwin-x64": (bytes) => bytes.readUInt32LE(0) === 0xfeedfacf && bytes.readUInt32LE(4) === 0x01000007,
  "darwin-arm64": (bytes) => bytes.readUInt32LE(0) === 0xfeedfacf && bytes.readUInt32LE(4) === 0x0100000c,
  "windows-x64": (bytes) =>
    bytes.toString("latin1", 0, 2) === "MZ" && bytes.readUInt16LE(bytes.readUInt32LE(0x3c) + 4) === 0x8664,
};
const isElf = (bytes: Buffer, machine: number, interpreter: string): boolean =>
  bytes.toString("latin1", 0, 4) === "\x7fELF" &&
  bytes.readUInt16LE(18) === machine &&
  bytes.subarray(0, 4096).includes(`${interpreter}\0`);

for (const target of TARGETS) {
  test(
    `the archive for ${target.name} holds a binary for it, of this commit, and all that goes with it`,
    async () => {
      const at = await unpacked(target);
      const names = readdirSync(at, { recursive: true, encoding: "utf8" }).toSorted();
      expect(names).toEqual(
        [
          "LICENSE",
          "README.md",
          "completions",
          "completions/_xs",
          "completions/xs-completions.nu",
          "completions/xs.bash",
          "completions/xs.fish",
          binaryName(target),
          "xs.1",
          "xs.nu",
        ].toSorted(),
      );
      const bytes = readFileSync(join(at, binaryName(target)));
      expect(FILE_TYPES[target.name]?.(bytes)).toBe(true);
      expect([bytes.includes(commit), bytes.includes(`"${VERSION}"`)]).toEqual([true, true]);
      // An arm64 Mac runs only what is signed, if only by itself: LC_CODE_SIGNATURE.
      if (target.name === "darwin-arm64") expect(loadCommands(bytes)).toContain(0x1d);
    },
    MINUTES,
  );
}

function loadCommands(bytes: Buffer): number[] {
  const commands: number[] = [];
  for (let n = bytes.readUInt32LE(16), at = 32; n > 0; n--) {
    commands.push(bytes.readUInt32LE(at));
    at += bytes.readUInt32LE(at + 4);
  }
  return commands;
}

test(
  "a second build of the same commit has the same bytes",
  async () => {
    const out = join(dir.path, "again");
    const baseUrl = /^ {2}homepage "(.*)"$/m.exec(readFileSync(join(DIST, "xs.rb"), "utf8"))?.[1] ?? "";
    const command = [process.execPath, join(ROOT, "scripts/release.ts"), "--out", out, "--base-url", baseUrl];
    const { code, stderr } = await run(command, { timeoutMs: 10 * MINUTES });
    expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
    expect(readFileSync(join(out, "SHA256SUMS"), "utf8")).toBe(readFileSync(join(DIST, "SHA256SUMS"), "utf8"));
  },
  10 * MINUTES,
);

test("the bill of materials names what is in the binaries", () => {
  expect([bill.bomFormat, bill.metadata.component.version]).toEqual(["CycloneDX", VERSION]);
  expect(bill.components.map(({ name }) => name)).toEqual(["citty", "hono", "ulid", "bun"]);
  for (const { name, version, purl } of bill.components) expect(purl).toBe(`pkg:npm/${name}@${version}`);
});

const isLinuxX64 = HOST === "linux-x64";
if (!isLinuxX64) console.warn("SKIPPED: not on Linux x64; no binary of the release is run");

test.skipIf(!isLinuxX64)(
  "the one for Linux passes the black-box suite without Node or Bun on the PATH",
  async () => {
    const binary = join(await unpacked(targetOf("linux-x64")), "xs");
    const { code, stderr } = await blackBox(binary, ["test/binary/"], { PATH: pathWithoutRuntimes() });
    expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  },
  15 * MINUTES,
);

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("SKIPPED: not root; the binary is not run in a root directory of its own");
test.skipIf(!isLinuxX64 || !isRoot)(
  "the one for Linux serves where there is nothing but it, the C library and /proc",
  async () => {
    const root = join(dir.path, "root");
    mkdirSync(join(root, "proc"), { recursive: true });
    cpSync(join(await unpacked(targetOf("linux-x64")), "xs"), join(root, "xs"));
    const { stdout } = await run(["ldd", join(root, "xs")]);
    for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g))
      cpSync(library, join(root, library), { dereference: true });
    // In a mount namespace of its own, so that nothing is left mounted. The runtime reads its own file through /proc.
    const enter = `mount -t proc proc '${root}/proc' && exec chroot '${root}' /xs "$@"`;
    const binary = wrapper("xs-in-root", ["unshare", "--mount", "sh", "-c", enter, "sh"]);
    const server = Bun.spawn([binary, "serve", "/store", "--quiet"], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    try {
      const { code } = await run([
        "sh",
        "-c",
        `for n in $(seq 300); do ${binary} version /store && exit; sleep 0.1; done; exit 1`,
      ]);
      expect(code).toBe(0);
      const frame = JSON.parse((await run([binary, "append", "/store", "notes"], { stdin: "hello" })).stdout) as {
        hash: string;
      };
      expect((await run([binary, "cas", "/store", frame.hash])).stdout).toBe("hello");
    } finally {
      server.kill("SIGTERM");
      expect(await server.exited).toBe(0);
    }
  },
  MINUTES,
);

// A loader for programs of another kind, and what the binary says under it.
const FOREIGN = [
  {
    name: "linux-x64-musl",
    loader: process.env["XS_MUSL_LOADER"]?.split(" "),
    want: "XS_MUSL_LOADER is not set (such as `/lib/ld-musl-x86_64.so.1 --library-path DIR`, where DIR has libstdc++ for musl)",
    files: [
      "test/binary/cli.test.ts",
      "test/binary/serve.test.ts",
      "test/binary/wire.test.ts",
      "test/binary/upgrade.test.ts",
    ],
  },
  {
    name: "linux-arm64",
    loader:
      Bun.which("qemu-aarch64-static") && existsSync("/usr/aarch64-linux-gnu")
        ? ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"]
        : undefined,
    want: "qemu-aarch64-static or /usr/aarch64-linux-gnu is not there (Debian: qemu-user-static, libc6-arm64-cross)",
    files: ["test/binary/wire.test.ts", "test/binary/upgrade.test.ts"],
  },
];

for (const { name, loader, want, files } of FOREIGN) {
  if (loader === undefined) console.warn(`SKIPPED: the binary for ${name} is not run: ${want}`);
  test.skipIf(loader === undefined || !isLinuxX64)(
    `the one for ${name} runs`,
    async () => {
      const binary = wrapper(`xs-${name}`, [...(loader ?? []), join(await unpacked(targetOf(name)), "xs")]);
      expect((await run([binary, "--version"])).stdout).toBe(`xs ${VERSION} (${commit})\n`);
      const { code, stderr } = await blackBox(binary, files);
      expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
    },
    15 * MINUTES,
  );
}

test.skipIf(!isLinuxX64)(
  "the release's own install script installs it, and the formula installs and tests it",
  async () => {
    const served = serveRelease(DIST);
    try {
      const home = join(dir.path, "home");
      mkdirSync(home);
      const env = { HOME: home, XS_INSTALL_DIR: "", XS_BASE_URL: served.baseUrl };
      expect(await run(["sh", join(DIST, "install.sh")], { env })).toMatchObject({ code: 0, stdout: "" });
      const { stdout } = await run([join(home, ".local/bin/xs"), "--version"]);
      expect(stdout).toBe(`xs ${VERSION} (${commit})\n`);
    } finally {
      await served.stop();
    }
    if (Bun.which("ruby") === null) return console.warn("SKIPPED: ruby is not installed; the formula is not run");
    const [stub, formula] = [join(ROOT, "test/support/homebrew.rb"), join(DIST, "xs.rb")];
    const said = JSON.parse((await run(["ruby", stub, formula, "info", "linux", "intel"])).stdout) as Record<
      string,
      string
    >;
    expect(sums.get(basename(said["url"] ?? ""))).toBe(said["sha256"] ?? "no sum");
    const [prefix, testpath] = [join(dir.path, "prefix"), join(dir.path, "testpath")];
    mkdirSync(testpath);
    const cwd = await unpacked(targetOf("linux-x64"));
    expect(await run(["ruby", stub, formula, "install", prefix], { cwd })).toMatchObject({ code: 0, stderr: "" });
    expect((await run(["ruby", stub, formula, "test", prefix, testpath], { cwd: testpath })).code).toBe(0);
  },
  2 * MINUTES,
);
