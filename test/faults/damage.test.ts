// A store that cannot be written, and one that is damaged: what is told, and what can still be read.
import { expect, test } from "bun:test";
import { chmodSync, closeSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { expectWhole, Load } from "../support/load.ts";
import { withMount } from "../support/mount.ts";
import { testWith } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";
import { COMMAND, lines, ok, run, serve, xs } from "../support/xs.ts";

const READ_ONLY = /cannot be (written|opened)/;

testWith(
  ["root", { command: "mkfs.ext4" }],
  "on a file system that is read-only a server does not start and says why, and nothing is lost by it (I1, S2)",
  async () => {
    await withMount("ext4", "64M", async ({ path, reoption }) => {
      const addr = join(path, "store");
      const load = new Load();
      const server = await serve(addr, ["--quiet"]);
      await load.append(addr, "a", "before");
      await load.append(addr, "a", "before ".repeat(20_000));
      await server.kill();
      await reoption("ro");
      const refused = await xs(["serve", addr]);
      expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(READ_ONLY)]);
      await reoption("rw");
      const again = await serve(addr, ["--quiet"]);
      await load.verify(addr).finally(() => again.kill());
      await expectWhole(addr);
    });
  },
);

testWith(
  ["root", { command: "setpriv" }],
  "a store of another user is not served, and the message says why",
  async () => {
    const dir = temporaryDir();
    const addr = join(dir.path, "store");
    await (await serve(addr, ["--quiet"])).stop();
    chmodSync(dir.path, 0o755);
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const refused = await run([...asNobody, ...COMMAND, "serve", addr]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/cannot be opened: .*(EACCES|EPERM|permission)/);
    dir.remove();
  },
);

/** Overwrites a page of a database file. */
function damagePage(path: string, page: number): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096);
  closeSync(file);
}

test("with a damaged page in the database other frames are read, and what meets it names xs check (S6)", async () => {
  const dir = temporaryDir();
  const addr = join(dir.path, "store");
  const first = await serve(addr, ["--quiet"]);
  const load = new Load();
  for (let n = 0; n < 400; n++) await load.append(addr, `t.${n % 4}`, null);
  const ids = [...load.acknowledged.keys()];
  await first.stop();
  const path = join(addr, "store.db");
  const original = readFileSync(path);
  const needle = Buffer.from(ids[200] ?? "");
  const page = Math.floor(original.indexOf(needle) / 4096);
  damagePage(path, page);
  const server = await serve(addr, ["--quiet"]);
  try {
    let [good, bad] = [0, 0];
    for (const id of ids) {
      const response = await fetch(`http://x/${id}`, { unix: join(addr, "sock") });
      const text = await response.text();
      if (response.ok) {
        expect(text.trimEnd()).toBe(load.acknowledged.get(id)?.line ?? "");
        good++;
      } else {
        expect([response.status, text]).toEqual([500, expect.stringContaining("xs check")]);
        bad++;
      }
    }
    expect(good).toBeGreaterThan(300);
    expect(bad).toBeGreaterThan(0);
    // A read that comes upon it does not end as if it had been whole.
    const all = await xs(["cat", addr]);
    // It is cut off, for its status has gone out by then; the server's log has the words.
    expect([1, 3]).toContain(all.code);
    await eventually("it says what is damaged", () => server.log().includes("the database is damaged"));
    const { code, stdout } = await xs(["check", addr]);
    expect([code, stdout]).toEqual([1, expect.stringContaining("database_integrity")]);
  } finally {
    await server.kill();
    dir.remove();
  }
});

test("a content file that is flipped, cut or missing is never served, and all else is (C1, C3, S6)", async () => {
  const dir = temporaryDir();
  const addr = join(dir.path, "store");
  const server = await serve(addr, ["--quiet"]);
  try {
    const load = new Load();
    const [kept, ...damaged] = await Promise.all(
      ["kept", "flipped", "cut", "missing", "longer"].map((name) => load.append(addr, name, `${name} `.repeat(50_000))),
    );
    const pathOf = (hash: string): string => {
      const hex = Buffer.from(hash.slice(7), "base64").toString("hex");
      return join(addr, "cas", hex.slice(0, 2), hex.slice(2));
    };
    const [flipped, cut, missing, longer] = damaged.map((frame) => pathOf(frame?.hash ?? ""));
    const bytes = readFileSync(flipped ?? "");
    bytes[70_000] = (bytes[70_000] ?? 0) ^ 1;
    writeFileSync(flipped ?? "", bytes);
    truncateSync(cut ?? "", 70_000);
    rmSync(missing ?? "");
    writeFileSync(longer ?? "", Buffer.concat([readFileSync(longer ?? ""), Buffer.from("more")]));
    for (const frame of damaged) {
      const hash = frame?.hash ?? "";
      const { code, bytes: served, stderr } = await xs(["cas", addr, hash]);
      expect([code, served.length, stderr]).toEqual([1, 0, expect.stringContaining("xs check")]);
      const response = await fetch(`http://x/cas/${hash}`, {
        unix: join(addr, "sock"),
        headers: { range: "bytes=0-9" },
      });
      expect(response.status).toBe(500);
    }
    expect((await ok(["cas", addr, kept?.hash ?? ""])).length).toBe("kept ".length * 50_000);
    expect(lines(await ok(["cat", addr, "-T", "kept,flipped,cut,missing,longer"]))).toHaveLength(5);
    const { code, stdout } = await xs(["check", addr]);
    expect(code).toBe(1);
    for (const frame of damaged) expect(stdout).toContain(frame?.hash ?? "");
    expect(stdout).not.toContain(kept?.hash ?? "");
    // Who sends the content once more mends it.
    for (const frame of damaged) await load.append(addr, "again", `${frame?.topic} `.repeat(50_000));
    await eventually("whole again", async () => (await xs(["check", addr])).code === 0);
  } finally {
    await server.kill();
    dir.remove();
  }
});
