// One server a store: a lock that the kernel frees when its process ends, however it ends.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database, SQLiteError } from "bun:sqlite";
import { XsError } from "../error.ts";

const SQLITE_BUSY = 5;
// A server that was killed holds its lock until the kernel has taken it apart: who starts the next one at once waits so long.
const DYING_MS_MAX = 500;

/** Locks a store directory until the answered function is called. Throws `conflict`, and says who holds it. */
export function lockStore(dir: string): () => void {
  const pidPath = join(dir, "pid");
  // An empty database serves as a portable file lock: SQLite knows how to take one on every system that Bun runs on.
  const lock = new Database(join(dir, "lock"));
  try {
    lock.run(`PRAGMA busy_timeout = ${DYING_MS_MAX}`);
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!(error instanceof SQLiteError) || (error.errno & 0xff) !== SQLITE_BUSY) throw error;
    throw new XsError(
      "conflict",
      `${dir} is served already${holderOf(pidPath)}; stop that server first, or use it as it is`,
    );
  }
  writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 });
  return () => lock.close();
}

/** Whether somebody holds the lock of a store: a server, or who repairs or writes it. Touches the lock for an instant only. */
export function isLocked(dir: string): boolean {
  const path = join(dir, "lock");
  if (!existsSync(path)) return false;
  const lock = new Database(path, { readonly: true });
  try {
    lock.query("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return error instanceof SQLiteError && (error.errno & 0xff) === SQLITE_BUSY;
  } finally {
    lock.close();
  }
}

function holderOf(pidPath: string): string {
  try {
    return ` by process ${readFileSync(pidPath, "utf8").trim()}`;
  } catch {
    return "";
  }
}
