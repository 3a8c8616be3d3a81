// A store in a directory of its own, with a clock that the test owns, gone when the test ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";

/** A new empty directory; `remove` it in the end. */
export function temporaryDir(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "xs-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a test on a new store and closes it. `clock.ms` is the time that the store sees. */
export async function withStore(
  test: (store: Store, clock: { ms: number }) => Promise<void>,
  options: StoreOptions = {},
): Promise<void> {
  const dir = temporaryDir();
  const clock = { ms: Date.now() };
  const store = openStore(dir.path, { now: () => clock.ms, ...options });
  try {
    await test(store, clock);
  } finally {
    await store.close();
    dir.remove();
  }
}
