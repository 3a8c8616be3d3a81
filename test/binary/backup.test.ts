// Backups: consistent while the store is written, served as they are, renewed without a risk for the older one.
import { expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { parseHash } from "../../src/frame/hash.ts";
import { contentPath } from "../../src/store/cas-layout.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDir } from "../support/store.ts";
import { COMMAND, lines, ok, type Served, serve, xs } from "../support/xs.ts";

type Result = { frames: number; bytes: number; files: number; copied: number; missing: number; faults: number };

const LARGE_BYTES = 100_000;

const large = (n: number): Uint8Array => new Uint8Array(LARGE_BYTES).fill(n);

async function withStoreAndDir(act: (server: Served, dir: string) => Promise<void>): Promise<void> {
  const root = temporaryDir();
  const server = await serve(join(root.path, "store"));
  try {
    await act(server, join(root.path, "backup"));
  } finally {
    await server.kill();
    root.remove();
  }
}

const append = async (server: Served, topic: string, bytes: Uint8Array): Promise<{ id: string; hash: string }> =>
  JSON.parse(await ok(["append", server.addr, topic], { stdin: bytes })) as { id: string; hash: string };

const backup = async (server: Served, dir: string): Promise<Result> =>
  JSON.parse(await ok(["backup", server.addr, dir])) as Result;

const api = (server: Served, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://localhost${path}`, { ...init, unix: join(server.addr, "sock") });

test(
  "a backup of a store under load is one moment of it, whole, and is served as it is",
  () =>
    withStoreAndDir(async (server, dir) => {
      let isOver = false;
      const ids: string[][] = [];
      const writer = async (number: number): Promise<void> => {
        const own: string[] = [];
        ids.push(own);
        for (let n = 0; !isOver; n++) {
          const body = n % 5 === 0 ? large(n % 200) : new Uint8Array(50).fill(number);
          const answer = await api(server, `/append/load.${number}`, { method: "POST", body });
          own.push(((await answer.json()) as { id: string }).id);
          // What it removes, with content that may be in the copy, and that is collected at once.
          if (n % 7 === 6) await api(server, `/${own.splice(0, 1)[0]}`, { method: "DELETE" });
          if (n % 3 === 0) await (await api(server, "/gc", { method: "POST" })).body?.cancel();
        }
      };
      const writers = Array.from({ length: 4 }, (_, n) => writer(n));
      await eventually("there is something to back up", () => ids.length === 4 && ids.every((own) => own.length > 10));
      const results = [await backup(server, dir), await backup(server, dir)];
      isOver = true;
      await Promise.all(writers);
      for (const result of results) expect(result).toMatchObject({ missing: 0, faults: 0 });
      expect(await ok(["check", dir])).toMatch(/no faults$/);
      const restored = await serve(dir);
      const frames = lines<{ id: string; topic: string; hash: string | null }>(await ok(["cat", restored.addr]));
      // Each writer's frames are there up to some moment, without a gap.
      for (const own of ids) {
        const there = own.map((id) => frames.some((frame) => frame.id === id));
        const end = there.lastIndexOf(true);
        expect(there.slice(there.indexOf(true), end + 1).every(Boolean)).toBe(true);
      }
      for (const { hash } of frames) if (hash !== null) expect((await api(restored, `/cas/${hash}`)).status).toBe(200);
      await restored.stop();
    }),
  60_000,
);

test("a backup into an older one fetches only new content, and drops what it needs no more", () =>
  withStoreAndDir(async (server, dir) => {
    const first = await append(server, "first", large(1));
    await append(server, "second", large(2));
    expect(await backup(server, dir)).toMatchObject({ files: 2, copied: 2 });
    await append(server, "third", large(3));
    await ok(["remove", server.addr, first.id]);
    await eventually("its content is collected", async () => (await api(server, `/cas/${first.hash}`)).status === 404);
    expect(await backup(server, dir)).toMatchObject({ files: 2, copied: 1 });
    expect(existsSync(contentPath(dir, parseHash(first.hash)))).toBe(false);
    expect(await ok(["check", dir])).toMatch(/no faults$/);
  }));

test("content that went bad in a backup is fetched again, and content that went bad in the store stays good in it", () =>
  withStoreAndDir(async (server, dir) => {
    const { hash } = await append(server, "a", large(1));
    await backup(server, dir);
    const path = contentPath(dir, parseHash(hash));
    truncateSync(path, 5);
    expect(await backup(server, dir)).toMatchObject({ copied: 1 });
    expect(statSync(path).size).toBe(LARGE_BYTES);
    truncateSync(contentPath(server.addr, parseHash(hash)), 5);
    expect(await backup(server, dir)).toMatchObject({ copied: 0, missing: 0 });
    expect(await ok(["check", dir])).toMatch(/no faults$/);
  }));

test("content that the store has lost or damaged is named, and the rest is backed up", () =>
  withStoreAndDir(async (server, dir) => {
    const damaged = await append(server, "a", large(1));
    await append(server, "b", large(2));
    truncateSync(contentPath(server.addr, parseHash(damaged.hash)), 5);
    const { code, stdout, stderr } = await xs(["backup", server.addr, dir]);
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      expect.objectContaining({ frames: 3, files: 2, copied: 1, missing: 1 }),
    ]);
    expect(stderr).toContain(`content ${damaged.hash} is missing or damaged in the store`);
  }));

test("a damaged database does not take the place of an older backup, and is backed up where there is none", async () => {
  const root = temporaryDir();
  const [addr, dir] = [join(root.path, "store"), join(root.path, "backup")];
  let server = await serve(addr);
  const { id } = await append(server, "a", new Uint8Array(10));
  await backup(server, dir);
  await server.stop();
  const db = new Database(join(addr, "store.db"));
  db.run("UPDATE frame SET sum = sum + 1 WHERE id = ?", [id]);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  server = await serve(addr);
  const refused = await xs(["backup", addr, dir]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`frame ${id} is damaged`)]);
  expect(refused.stderr).toContain("was not put in the place of the older backup");
  expect(await ok(["check", dir])).toMatch(/no faults$/);
  const told = await xs(["backup", addr, join(root.path, "new")]);
  expect([told.code, JSON.parse(told.stdout)]).toEqual([1, expect.objectContaining({ faults: 1 })]);
  expect((await xs(["check", join(root.path, "new")])).code).toBe(1);
  await server.kill();
  root.remove();
});

test(
  "a backup that is killed leaves the older one whole, and the next one goes on with what it had fetched",
  () =>
    withStoreAndDir(async (server, dir) => {
      await append(server, "a", large(0));
      await backup(server, dir);
      const before = readFileSync(join(dir, "store.db"));
      for (let n = 1; n < 40; n++) await api(server, "/append/more", { method: "POST", body: large(n) });
      const child = Bun.spawn([...COMMAND, "backup", server.addr, dir], { stdout: "ignore", stderr: "ignore" });
      const files = (): number => readdirSync(join(dir, "cas")).filter((name) => name.length === 2).length;
      await eventually("some content has come", () => files() > 3 || child.exitCode !== null);
      child.kill("SIGKILL");
      await child.exited;
      if (child.exitCode === null) expect(readFileSync(join(dir, "store.db")).equals(before)).toBe(true);
      const again = await backup(server, dir);
      expect(again).toMatchObject({ files: 40, missing: 0 });
      expect(again.copied).toBeLessThan(38);
      expect(await ok(["check", dir])).toMatch(/no faults$/);
      await eventually("the server let go of what the killed one held", async () => {
        const { held_by_backup } = JSON.parse(await ok(["gc", server.addr, "--dry-run"])) as {
          held_by_backup: boolean;
        };
        return !held_by_backup;
      });
      expect(readdirSync(join(server.addr, "cas", "tmp"))).toEqual([]);
    }),
  60_000,
);

test("a directory that is no backup, was served since, or is served now is refused and left as it is", () =>
  withStoreAndDir(async (server, dir) => {
    await append(server, "a", new Uint8Array(10));
    const refusal = async (to: string): Promise<string> => {
      const { code, stderr } = await xs(["backup", server.addr, to]);
      expect(code).toBe(5);
      return stderr;
    };
    expect(await refusal(server.addr)).toContain("holds a store that is no backup");
    const other = join(dir, "..", "other");
    mkdirSync(other);
    writeFileSync(join(other, "notes.txt"), "x");
    expect(await refusal(other)).toContain("is not empty and holds no backup");
    expect(readdirSync(other)).toEqual(["notes.txt"]);
    await backup(server, dir);
    const restored = await serve(dir);
    expect(await refusal(dir)).toContain("is served already");
    const { id } = await append(restored, "own", new Uint8Array(10));
    await restored.stop();
    expect(await refusal(dir)).toContain("has been served or changed since it was written");
    const again = await serve(dir);
    expect(await ok(["get", dir, id])).toContain('"topic":"own"');
    await again.stop();
  }));

test("a copy over HTTP alone is a database, and one whose client leaves is gone", () =>
  withStoreAndDir(async (server, dir) => {
    for (let n = 0; n < 50; n++)
      await api(server, "/append/a", { method: "POST", body: new Uint8Array(60_000).fill(n) });
    const answer = await api(server, "/backup");
    const bytes = await answer.bytes();
    expect(answer.headers.get("xs-size")).toBe(String(bytes.length));
    mkdirSync(join(dir, "cas"), { recursive: true });
    writeFileSync(join(dir, "store.db"), bytes);
    expect(await ok(["check", dir])).toMatch(/51 frames.*no faults$/);
    for (let n = 0; n < 6; n++) {
      const left = new AbortController();
      const copy = await api(server, n % 2 === 0 ? "/backup?hold" : "/backup", { signal: left.signal });
      await copy.body?.getReader().read();
      left.abort();
    }
    // No more than four are made at once, so that these must have ended.
    await eventually("another copy is made", async () => {
      const next = await api(server, "/backup");
      return next.status === 200 && (await next.bytes()).length === bytes.length;
    });
    copyFileSync(join(dir, "store.db"), join(dir, "copy.db"));
    expect(readdirSync(join(server.addr, "cas", "tmp"))).toEqual([]);
  }));
