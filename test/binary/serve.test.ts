// The server as a process: its lock, its socket, its start and its end.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, serve, xs } from "../support/xs.ts";

type Frame = { topic: string; id: string; meta: unknown; ttl: string | null };

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe("one server a store", () => {
  test("a second server says who holds the store and ends with 5", async () => {
    const dir = temporaryDir();
    const server = await serve(join(dir.path, "store"));
    const second = await xs(["serve", server.addr]);
    expect(second.code).toBe(5);
    expect(second.stderr).toContain(`process ${server.pid}`);
    expect(await ok(["version", server.addr])).toContain("version");
    expect(await server.stop()).toBe(0);
    dir.remove();
  });

  test("after a crash the stale socket is replaced, and everything acknowledged is there", async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    const server = await serve(addr);
    const line = await ok(["append", addr, "t"], { stdin: "kept" });
    await server.kill();
    expect(existsSync(join(addr, "sock"))).toBe(true);
    const again = await serve(addr);
    expect(await ok(["head", addr, "t"])).toBe(line);
    expect(await again.stop()).toBe(0);
    dir.remove();
  });

  test("a file of another kind at sock is left alone and named", async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    mkdirSync(addr);
    writeFileSync(join(addr, "sock"), "mine");
    const { code, stderr } = await xs(["serve", addr]);
    expect(code).toBe(5);
    expect(stderr).toContain("sock is not a socket");
    expect(await Bun.file(join(addr, "sock")).text()).toBe("mine");
    dir.remove();
  });

  test("what is not a store is refused with a reason", async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    mkdirSync(addr);
    writeFileSync(join(addr, "store.db"), "x".repeat(10_000));
    const garbage = await xs(["serve", addr]);
    expect(garbage.code).toBe(1);
    expect(garbage.stderr).toMatch(/^xs: .*cannot be opened: .*file is not a database/);
    writeFileSync(join(dir.path, "file"), "");
    expect((await xs(["serve", join(dir.path, "file")])).stderr).toContain("not a directory");
    const long = await xs(["serve", join(dir.path, "x".repeat(120), "y".repeat(120))]);
    expect(long.code).toBe(2);
    expect(long.stderr).toContain("bytes");
    dir.remove();
  });
});

describe("start and end", () => {
  test("nothing of a store is open to other users", async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    const server = await serve(addr);
    await ok(["append", addr, "t"], { stdin: "x".repeat(100_000) });
    expect(mode(addr)).toBe("700");
    for (const name of ["sock", "store.db", "store.db-wal", "lock", "pid"])
      expect([name, mode(join(addr, name))]).toEqual([name, "600"]);
    expect(mode(join(addr, "cas"))).toBe("700");
    await server.stop();
    dir.remove();
  });

  test("an orderly end appends xs.stopping and removes the socket; the next start goes on above it", async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    const first = await serve(addr);
    expect(await first.stop()).toBe(0);
    expect(existsSync(join(addr, "sock"))).toBe(false);
    const second = await serve(addr);
    const frames = lines<Frame>(await ok(["cat", addr]));
    expect(frames.map(({ topic }) => topic)).toEqual(["xs.start", "xs.stopping", "xs.start"]);
    expect(frames.map(({ ttl }) => ttl)).toEqual([null, null, null]);
    const ids = frames.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted());
    // The log comes a little behind what it tells.
    await eventually("the log's line of the start", () => second.log().endsWith(" xs.start\n"));
    await second.stop();
    dir.remove();
  });

  test("--quiet prints nothing, and each --fsync mode serves", async () => {
    const dir = temporaryDir();
    for (const fsync of ["always", "interval:50", "never"]) {
      const addr = join(dir.path, fsync.replace(":", ""));
      const server = await serve(addr, ["--fsync", fsync, "--quiet"]);
      const line = await ok(["append", addr, "t"], { stdin: "x" });
      expect(await server.stop()).toBe(0);
      expect(server.log()).toBe("");
      const again = await serve(addr, ["--quiet"]);
      expect(await ok(["head", addr, "t"])).toBe(line);
      await again.stop();
    }
    dir.remove();
  });

  test("a stop during load acknowledges only what is kept", async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    const server = await serve(addr, ["--quiet"]);
    const acknowledged: string[] = [];
    let isOver = false;
    const writers = Array.from({ length: 16 }, async () => {
      while (!isOver) {
        const response = await fetch("http://x/append/load", {
          method: "POST",
          unix: join(addr, "sock"),
          body: "x",
        }).catch(() => null);
        if (response?.ok) acknowledged.push(((await response.json()) as Frame).id);
        else isOver = true;
      }
    });
    while (acknowledged.length < 200 && !isOver) await Bun.sleep(5);
    expect(await server.stop()).toBe(0);
    isOver = true;
    await Promise.all(writers);
    const again = await serve(addr, ["--quiet"]);
    const kept = new Set(lines<Frame>(await ok(["cat", addr, "-T", "load"])).map(({ id }) => id));
    expect(acknowledged.length).toBeGreaterThanOrEqual(200);
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    await again.stop();
    dir.remove();
  });
});
