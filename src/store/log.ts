// The write-ahead log, carried into the database where a failure is seen: SQLite's own checkpoints pass over their errors.
import type { Database } from "bun:sqlite";
import { CHECKPOINT_PAGES } from "./schema.ts";

// From here on SQLite tells the length of its log without doing anything to it.
const VERSION_THAT_TELLS = [3, 51] as const;

// To ask for the length costs a quarter of a small commit; between two questions no disk writes more than some MB.
const ASK_MS_MIN = 10;

type Length = { readonly log: number; readonly checkpointed: number };

export class Log {
  readonly #sql;
  #askedMs = 0;

  constructor(db: Database) {
    const { version = "0" } = db.query<{ version: string }, []>("SELECT sqlite_version() AS version").get() ?? {};
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const [majorThatTells, minorThatTells] = VERSION_THAT_TELLS;
    // An older SQLite (macOS has its own) goes on by itself.
    if (major < majorThatTells || (major === majorThatTells && minor < minorThatTells)) {
      this.#sql = null;
      return;
    }
    db.run("PRAGMA wal_autocheckpoint = 0");
    this.#sql = {
      length: db.prepare<Length, []>("PRAGMA wal_checkpoint(NOOP)"),
      checkpoint: db.prepare<Length, []>("PRAGMA wal_checkpoint(PASSIVE)"),
    };
  }

  /** Carries the log into the database when it has grown long; `nowMs` is of a clock that never goes back. Throws what the disk or the database says. */
  keepShort(nowMs: number): void {
    if (nowMs - this.#askedMs < ASK_MS_MIN) return;
    this.#askedMs = nowMs;
    const length = this.#sql?.length.get();
    if (length && length.log - length.checkpointed >= CHECKPOINT_PAGES) this.#sql?.checkpoint.get();
  }
}
