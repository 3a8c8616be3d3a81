// The repair of content: rows that do not agree with their bytes, and files that do not agree with their rows.
import { mkdirSync, renameSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import type { Database } from "bun:sqlite";
import { digestOf, type Hash, hashOf } from "../frame/hash.ts";
import { prefixOf } from "./cas.ts";
import { contentPath, hashBytes, hashFile, quarantineDir, quarantinePath, syncDirectory } from "./cas-layout.ts";
import { contentRows, type ContentRow, strayFiles, temporaryFiles } from "./check-content.ts";
import { soundFrame } from "./check-frames.ts";
import { walk } from "./walk.ts";

// A damaged row of content is named by its frames; a few of them are enough.
const FRAMES_ASKED = 20;

type Row = { content_id: number; digest: Uint8Array; size: number };

export class ContentRepair {
  readonly #dir: string;
  readonly #db: Database;
  readonly #say: (done: string) => void;
  readonly #sql;

  constructor(dir: string, db: Database, say: (done: string) => void) {
    this.#dir = dir;
    this.#db = db;
    this.#say = say;
    this.#sql = {
      byDigest: db.prepare<{ content_id: number }, [number, Uint8Array]>(
        "SELECT content_id FROM content WHERE prefix = ? AND digest = ? ORDER BY content_id",
      ),
      frames: db.prepare<{ line: string; sum: number }, [number]>(
        `SELECT line, sum FROM frame WHERE content_id = ? LIMIT ${FRAMES_ASKED}`,
      ),
      setKey: db.prepare<null, [number, Uint8Array, number, number]>(
        "UPDATE content SET prefix = ?, digest = ?, size = ? WHERE content_id = ?",
      ),
      insert: db.prepare<null, [number, Uint8Array, number]>(
        "INSERT INTO content (prefix, digest, size, data) VALUES (?, ?, ?, NULL)",
      ),
      moveFrames: db.prepare<null, [number, number]>("UPDATE frame SET content_id = ? WHERE content_id = ?"),
      delete: db.prepare<null, [number]>("DELETE FROM content WHERE content_id = ?"),
      moveLease: db.prepare<null, [number, number]>("UPDATE OR IGNORE orphan SET content_id = ? WHERE content_id = ?"),
      release: db.prepare<null, [number]>("DELETE FROM orphan WHERE content_id = ?"),
    };
  }

  /** Sets right the key and the size of content whose bytes are right, and makes one of content that is stored twice. */
  async mendRows(): Promise<void> {
    for (const rows of contentRows(this.#db)) for (const row of rows) await this.#mendRow(row);
    for (const rows of contentRows(this.#db)) for (const row of rows) await this.#mergeTwin(row);
  }

  // What the bytes hash to, when the row or a sound frame names that hash; null when they are nobody's.
  async #rightOf(row: ContentRow): Promise<{ hash: Hash; size: number } | null> {
    const named = [hashOf(row.digest), ...this.#hashesOfFrames(row.content_id)];
    if (row.data !== null) {
      const hash = hashBytes(row.data);
      return named.includes(hash) ? { hash, size: row.data.length } : null;
    }
    for (const hash of named) {
      const found = digestOf(hash).length === 32 ? await hashFile(contentPath(this.#dir, hash)) : null;
      if (found?.hash === hash) return found;
    }
    return null;
  }

  #hashesOfFrames(contentId: number): Hash[] {
    return this.#sql.frames.all(contentId).flatMap((row) => soundFrame(row)?.hash ?? []);
  }

  async #mendRow(row: ContentRow): Promise<void> {
    const right = await this.#rightOf(row);
    if (right === null) return;
    const digest = digestOf(right.hash);
    if (digest.equals(row.digest) && prefixOf(digest) === row.prefix && right.size === row.size) return;
    this.#sql.setKey.run(prefixOf(digest), digest, right.size, row.content_id);
    this.#say(`set right what is noted of content ${right.hash}`);
  }

  async #mergeTwin(row: ContentRow): Promise<void> {
    const digest = Buffer.from(row.digest);
    if (digest.length !== 32) return;
    const twins = this.#sql.byDigest.all(prefixOf(digest), digest).map((twin) => twin.content_id);
    const other = twins.find((contentId) => contentId !== row.content_id);
    // It may have been merged since its page was read.
    if (!twins.includes(row.content_id)) return;
    // Of two, the one whose bytes are right stays; this one goes only when the other is left.
    if (other === undefined || (await this.#rightOf(row)) !== null) return this.#keepFirst(row, twins);
    this.#merge(row.content_id, other, hashOf(digest));
  }

  #keepFirst(row: ContentRow, twins: readonly number[]): void {
    for (const twin of twins) if (twin !== row.content_id) this.#merge(twin, row.content_id, hashOf(row.digest));
  }

  #merge(from: number, into: number, hash: Hash): void {
    this.#db.transaction(() => {
      this.#sql.moveFrames.run(into, from);
      this.#sql.delete.run(from);
      this.#sql.moveLease.run(into, from);
      this.#sql.release.run(from);
    })();
    this.#say(`made one of content ${hash}, which was stored twice`);
  }

  /** The id of content; where only its file is there, it gets a row again. Null when it is nowhere. */
  async find(hash: Hash): Promise<number | null> {
    const digest = digestOf(hash);
    const known = this.#sql.byDigest.get(prefixOf(digest), digest);
    if (known !== null) return known.content_id;
    const found = await hashFile(contentPath(this.#dir, hash));
    if (found?.hash !== hash) return null;
    this.#sql.insert.run(prefixOf(digest), digest, found.size);
    this.#say(`noted content ${hash} again, whose file was there`);
    return this.#sql.byDigest.get(prefixOf(digest), digest)?.content_id ?? null;
  }

  /** Sets aside files whose bytes have another hash than their name. */
  async quarantine(): Promise<void> {
    const next = this.#db.prepare<Row, [number]>(
      "SELECT content_id, digest, size FROM content WHERE content_id > ? AND data IS NULL ORDER BY content_id LIMIT 256",
    );
    for (const rows of walk(
      (after) => next.all(after),
      (row) => row.content_id,
    )) {
      for (const { digest } of rows) {
        if (digest.length !== 32) continue;
        const hash = hashOf(digest);
        const path = contentPath(this.#dir, hash);
        const found = await hashFile(path);
        if (found === null || found.hash === hash) continue;
        mkdirSync(quarantineDir(this.#dir), { recursive: true, mode: 0o700 });
        renameSync(path, quarantinePath(this.#dir, hash));
        syncDirectory(quarantineDir(this.#dir));
        syncDirectory(dirname(path));
        this.#say(`set damaged content ${hash} aside: ${quarantinePath(this.#dir, hash)}`);
      }
    }
  }

  /** Removes what a crash has left unfinished. */
  async removeTemporary(): Promise<void> {
    for await (const path of temporaryFiles(this.#dir, false, Date.now())) {
      unlinkSync(path);
      this.#say(`removed the unfinished file ${path}`);
    }
  }

  /** Removes content that no frame refers to and that no lease keeps, and files that no content needs. */
  async removeOrphans(): Promise<void> {
    const { changes } = this.#db.run("DELETE FROM orphan WHERE content_id NOT IN (SELECT content_id FROM content)");
    if (changes > 0) this.#say(`removed ${changes} notes of content that is not there`);
    const next = this.#db.prepare<Row & { isNeeded: number }, [number]>(
      `SELECT content_id, digest, size, EXISTS (SELECT 1 FROM frame AS f WHERE f.content_id = c.content_id)
         OR EXISTS (SELECT 1 FROM orphan AS o WHERE o.content_id = c.content_id) AS isNeeded
       FROM content AS c WHERE content_id > ? ORDER BY content_id LIMIT 256`,
    );
    for (const rows of walk(
      (after) => next.all(after),
      (row) => row.content_id,
    )) {
      for (const { content_id: contentId, digest, isNeeded } of rows) {
        if (isNeeded) continue;
        this.#sql.delete.run(contentId);
        this.#say(`removed content ${hashOf(digest)}, which no frame refers to`);
      }
    }
    for await (const { path, hash } of strayFiles(this.#dir, this.#db, false, Date.now())) {
      if (hash === null) continue;
      unlinkSync(path);
      this.#say(`removed the file ${path}, which no content needs`);
    }
  }
}
