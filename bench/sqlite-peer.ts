// The peer raw SQLite: our own schema and durability in this process, with no server, no ids to give and no one to answer.
import type { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { formatFrame } from "../src/frame/frame.ts";
import { openDatabase } from "../src/store/schema.ts";
import { frameAt } from "./frames.ts";

/** A database with our schema, and the statements that an append needs at the least. */
export class RawStore {
  readonly db: Database;
  readonly #sql;
  #pos = 1;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    this.db = openDatabase(dir);
    this.db.run("INSERT INTO path (path_id, name) VALUES (1, 'bench.append'), (2, 'bench.*')");
    this.#sql = {
      begin: this.db.prepare("BEGIN IMMEDIATE"),
      commit: this.db.prepare("COMMIT"),
      frame: this.db.prepare<null, [number, string, number, number | null]>(
        "INSERT INTO frame (pos, line, sum, content_id) VALUES (?, ?, ?, ?)",
      ),
      index: this.db.prepare<null, [number, number]>("INSERT INTO path_frame (path_id, pos) VALUES (?, ?)"),
      content: this.db.prepare<null, [number, Uint8Array, number, Uint8Array]>(
        "INSERT INTO content (prefix, digest, size, data) VALUES (?, ?, ?, ?)",
      ),
    };
  }

  /** Commits transactions of `batch` frames for `ms`; answers frames a second. `bytes` of content each, all different. */
  run(ms: number, batch: number, bytes: number): number {
    const line = formatFrame(frameAt(0, 1, "bench.append", Date.now()));
    const content = Buffer.alloc(bytes, "0123456789abcdef");
    const start = performance.now();
    let frames = 0;
    do {
      this.#sql.begin.run();
      const first = this.#pos;
      for (let n = 0; n < batch; n++, frames++) {
        this.#sql.frame.run(this.#pos, line, Bun.hash.crc32(line), bytes > 0 ? this.#addContent(content) : null);
        this.#pos++;
      }
      for (const path of [1, 2]) for (let pos = first; pos < this.#pos; pos++) this.#sql.index.run(path, pos);
      this.#sql.commit.run();
    } while (performance.now() - start < ms);
    return (frames * 1000) / (performance.now() - start);
  }

  /** Milliseconds of one commit of `batch` frames. */
  commitMs(batch: number): number {
    const start = performance.now();
    this.run(0, batch, 0);
    return performance.now() - start;
  }

  #addContent(content: Buffer): number {
    content.writeUIntBE(this.#pos, 0, 6);
    const digest = Buffer.from(new Bun.CryptoHasher("sha256").update(content).digest());
    const { lastInsertRowid } = this.#sql.content.run(digest.readUIntBE(0, 6), digest, content.length, content);
    return Number(lastInsertRowid);
  }

  close(): void {
    this.db.close();
  }
}
