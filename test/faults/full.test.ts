// A disk that is full: appends are refused and say so, everything else goes on, and writing resumes when there is space.
import { expect } from "bun:test";
import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { expectWhole, Load } from "../support/load.ts";
import { type Kind, withMount } from "../support/mount.ts";
import { IS_SOAK, testWith } from "../support/soak.ts";
import { ok, serve, type Served, xs } from "../support/xs.ts";

const FULL = "507 no_space";
const LARGE = "x".repeat(300_000);

/** Takes all space that is left, down to the last byte. */
function fill(path: string): void {
  for (const size of [4 << 20, 64 << 10, 4 << 10, 1]) {
    for (let n = 0; ; n++) {
      try {
        writeFileSync(join(path, `ballast-${size}-${n}`), Buffer.alloc(size), { flush: true });
      } catch {
        break;
      }
    }
  }
}

function free(path: string): void {
  for (const name of readdirSync(path)) if (name.startsWith("ballast")) rmSync(join(path, name));
}

const temporaries = (addr: string): string[] => readdirSync(join(addr, "cas/tmp"));

/** Appends until it is refused; answers how often it was not. */
async function appendUntilFull(load: Load, addr: string, topic: string, content: string): Promise<number> {
  for (let n = 0; n < 20_000; n++) if ((await load.append(addr, topic, `${n} ${content}`)) === null) return n;
  throw new Error("the disk does not fill up");
}

async function expectRefused(addr: string, load: Load): Promise<void> {
  const { code, stderr } = await xs(["append", addr, "refused"], { stdin: "y".repeat(2_000_000) });
  expect([code, stderr]).toEqual([
    1,
    "xs: no space left on the device of the store: nothing was stored; free some and try again\n",
  ]);
  expect(temporaries(addr)).toEqual([]);
  expect([...load.refused.keys()]).toEqual([FULL]);
}

async function expectReads(addr: string, load: Load): Promise<void> {
  expect((await load.verify(addr)).length).toBeGreaterThanOrEqual(load.acknowledged.size);
}

async function withFullDisk(
  kind: Kind,
  size: string,
  run: (server: Served, path: string, load: Load) => Promise<void>,
): Promise<void> {
  await withMount(kind, size, async ({ path }) => {
    const addr = join(path, "store");
    const load = new Load();
    const server = await serve(addr, ["--quiet"]);
    // Follows over everything that happens.
    const left = new AbortController();
    let followed = "";
    const following = (async () => {
      const decoder = new TextDecoder();
      const response = await fetch("http://x/?follow", { unix: join(addr, "sock"), signal: left.signal });
      for await (const chunk of response.body ?? []) followed += decoder.decode(chunk, { stream: true });
    })().catch(() => undefined);
    try {
      await run(server, path, load);
      free(path);
      await eventually("an append that works again", () => load.append(addr, "after", LARGE));
      const after = await eventually("a small one", () => load.append(addr, "after", "small"));
      await eventually("the follower", () => followed.includes(after.id));
      const lines = new Set(followed.split("\n"));
      expect([...load.acknowledged.values()].filter(({ line }) => !lines.has(line))).toEqual([]);
      await load.verify(addr);
      await expectWhole(addr);
      expect(temporaries(addr)).toEqual([]);
      left.abort();
      expect(await server.stop()).toBe(0);
      const again = await serve(addr, ["--quiet"]);
      await load.verify(addr).finally(() => again.kill());
    } finally {
      left.abort();
      await following;
      await server.kill();
    }
  });
}

for (const kind of IS_SOAK ? (["tmpfs", "ext4"] as const) : (["tmpfs"] as const)) {
  testWith(
    ["root", { command: "mkfs.ext4" }],
    `on a full ${kind} large content is refused with 507, reads and follows go on, and after space returns so do appends (S4, C2, C6)`,
    () =>
      withFullDisk(kind, "32M", async ({ addr }, path, load) => {
        writeFileSync(join(path, "other"), Buffer.alloc(1 << 20));
        expect(await appendUntilFull(load, addr, "large", LARGE)).toBeGreaterThan(20);
        await expectRefused(addr, load);
        await expectReads(addr, load);
        // Removing needs a little space too; where it has it, it gives back more.
        rmSync(join(path, "other"));
        await makeRoom(addr, load);
      }),
  );

  testWith(
    ["root", { command: "mkfs.ext4" }],
    `on a full ${kind} a log that cannot grow refuses small appends with 507, and nothing acknowledged is lost (S4, I1)`,
    () =>
      withFullDisk(kind, "32M", async ({ addr }, path, load) => {
        await load.append(addr, "small", "before");
        fill(path);
        await appendUntilFull(load, addr, "small", "small".repeat(2_000));
        await expectRefused(addr, load);
        expect((await fetch("http://x/health", { unix: join(addr, "sock") })).status).toBe(503);
        await expectReads(addr, load);
      }),
  );

  testWith(
    ["root", { command: "mkfs.ext4" }],
    `on a full ${kind} a checkpoint that has no room leaves all in the log, and a restart finds it there (S4, I1, S2)`,
    () =>
      withFullDisk(kind, "64M", async ({ addr }, path, load) => {
        // The log has grown to 16 MB, and is used again from its start: it has room where the database has none.
        for (let n = 0; statSync(join(addr, "store.db")).size < 12_000_000; n++)
          await load.append(addr, "many", `${n} ${LARGE.slice(0, 60_000)}`);
        fill(path);
        await appendUntilFull(load, addr, "small", "small".repeat(10_000));
        await expectRefused(addr, load);
        await expectReads(addr, load);
      }),
  );
}

// The disk is full of what was appended itself.
async function makeRoom(addr: string, load: Load): Promise<void> {
  const some = [...load.acknowledged.values()].slice(0, 10);
  for (const { id } of some) {
    await ok(["remove", addr, id]);
    load.acknowledged.delete(id);
  }
  await ok(["gc", addr]);
}
