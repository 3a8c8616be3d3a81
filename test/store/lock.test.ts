import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { lockStore } from "../../src/store/lock.ts";
import { openStore } from "../../src/store/store.ts";
import { temporaryDir } from "../support/store.ts";

test("a store that is served is refused to a second server, which is told by whom", () => {
  const dir = temporaryDir();
  const unlock = lockStore(dir.path);
  expect(() => lockStore(dir.path)).toThrow(`is served already by process ${process.pid}`);
  unlock();
  lockStore(dir.path)();
  dir.remove();
});

test("another process is refused too, and the lock of one that was killed is free", async () => {
  const dir = temporaryDir();
  const script = `const { lockStore } = await import(${JSON.stringify(`${import.meta.dir}/../../src/store/lock.ts`)});
    globalThis.held = lockStore(${JSON.stringify(dir.path)}); console.log("locked"); setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  try {
    const { value } = await child.stdout.getReader().read();
    expect(Buffer.from(value ?? []).toString()).toBe("locked\n");
    expect(() => openStore(dir.path)).toThrow(`by process ${child.pid}`);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
  lockStore(dir.path)();
  dir.remove();
});

test("a store whose server is about to be gone is waited for", async () => {
  const dir = temporaryDir();
  const script = `const { lockStore } = await import(${JSON.stringify(`${import.meta.dir}/../../src/store/lock.ts`)});
    globalThis.held = lockStore(${JSON.stringify(dir.path)}); console.log("locked"); setTimeout(() => process.exit(), 100);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  await child.stdout.getReader().read();
  lockStore(dir.path)();
  await child.exited;
  dir.remove();
});

test("a store can be opened again once it is closed, and only its owner can enter it", async () => {
  const dir = temporaryDir();
  await openStore(`${dir.path}/new/store`).close();
  expect(statSync(`${dir.path}/new/store`).mode & 0o777).toBe(0o700);
  for (const name of ["store.db", "lock", "pid"]) {
    expect(statSync(`${dir.path}/new/store/${name}`).mode & 0o077).toBe(0);
  }
  await openStore(`${dir.path}/new/store`).close();
  dir.remove();
});
