// The archives of a release, read by the tools that people have.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, tarGz, zip } from "../../scripts/archive.ts";
import { temporaryDir } from "../support/store.ts";
import { run } from "../support/xs.ts";

const SECONDS = Date.UTC(2026, 10, 25, 23, 11, 12) / 1000;
const ENTRIES: readonly Entry[] = [
  { name: "xs/xs", bytes: Buffer.alloc(100_000, "binary"), executable: true },
  { name: "xs/LICENSE", bytes: Buffer.from("a license\n") },
  { name: "xs/completions/_xs", bytes: Buffer.alloc(512, "x") },
  { name: "xs/empty", bytes: Buffer.alloc(0) },
];

const TOOLS = [
  { name: "tar.gz", pack: tarGz, unpack: (path: string, dir: string) => ["tar", "-xzf", path, "-C", dir] },
  { name: "zip", pack: zip, unpack: (path: string, dir: string) => ["unzip", "-q", path, "-d", dir] },
];

for (const { name, pack, unpack } of TOOLS) {
  const tool = unpack("", "")[0] ?? "";
  const isHere = Bun.which(tool) !== null;
  if (!isHere) console.warn(`SKIPPED: ${tool} is not installed; ${name} archives are not unpacked`);

  test.skipIf(!isHere)(`a ${name} unpacks to the files, modes and times that went in`, async () => {
    const dir = temporaryDir();
    try {
      const path = join(dir.path, `it.${name}`);
      writeFileSync(path, pack(ENTRIES, SECONDS));
      expect(await run(unpack(path, dir.path), { env: { TZ: "UTC" } })).toMatchObject({ code: 0, stderr: "" });
      const names = readdirSync(join(dir.path, "xs"), { recursive: true, encoding: "utf8" }).toSorted();
      expect(names).toEqual(["LICENSE", "completions", "completions/_xs", "empty", "xs"]);
      for (const { name: file, bytes, executable } of ENTRIES) {
        const { mode, mtimeMs } = statSync(join(dir.path, file));
        expect(readFileSync(join(dir.path, file)).equals(bytes)).toBe(true);
        expect([file, (mode & 0o777).toString(8)]).toEqual([file, executable ? "755" : "644"]);
        expect([file, mtimeMs / 1000]).toEqual([file, SECONDS]);
      }
    } finally {
      dir.remove();
    }
  });

  test(`a ${name} has the same bytes for the same files in any order`, () => {
    const bytes = Buffer.from(pack(ENTRIES, SECONDS));
    expect(bytes.equals(pack(ENTRIES.toReversed(), SECONDS))).toBe(true);
    expect(bytes.equals(pack(ENTRIES, SECONDS + 2))).toBe(false);
  });
}
