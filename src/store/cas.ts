// Content-addressed storage. Small content lives in the database and commits with its frame; larger content is a file
// under cas/, on disk before its frame commits. Only this file knows where the line is.
import type { Database } from "bun:sqlite";
import { digestOf, type Hash, hashOf } from "../frame/hash.ts";
import { ContentFiles, corrupt } from "./content-files.ts";

// Up to here a row and its share of one group commit are cheaper than a file with two fsyncs of its own.
const INLINE_BYTES_MAX = 64 * 1024;
/** Content that is on its way: hashed, and where it is large on disk already. `release` once its frame is decided. */
export type StoredContent = {
  readonly hash: Hash;
  readonly size: number;
  /** The bytes where they are small; null when they are in a file. */
  readonly data: Uint8Array | null;
  readonly release: () => void;
};

/** Content to be read. */
export type Content = {
  readonly size: number;
  readonly read: (start: number, end: number) => AsyncGenerator<Uint8Array>;
};

type Row = { content_id: number; size: number; digest: Uint8Array; data: Uint8Array | null };

const prefixOf = (digest: Buffer): number => digest.readUIntBE(0, 6);

export class Cas {
  readonly #files: ContentFiles;
  readonly #sql;
  // Content that a request holds: the collector leaves it alone. Counted, for two requests may hold the same.
  readonly #held = new Map<Hash, number>();

  constructor(dir: string, db: Database) {
    this.#files = new ContentFiles(dir);
    this.#sql = {
      candidates: db.prepare<{ content_id: number; digest: Uint8Array }, [number]>(
        "SELECT content_id, digest FROM content WHERE prefix = ?",
      ),
      row: db.prepare<Row, [number]>("SELECT content_id, size, digest, data FROM content WHERE content_id = ?"),
      insert: db.prepare<{ content_id: number }, [number, Uint8Array, number, Uint8Array | null]>(
        "INSERT INTO content (prefix, digest, size, data) VALUES (?, ?, ?, ?) RETURNING content_id",
      ),
      mend: db.prepare<null, [Uint8Array, number]>("UPDATE content SET data = ? WHERE content_id = ?"),
      delete: db.prepare<null, [number]>("DELETE FROM content WHERE content_id = ?"),
      isReferred: db.prepare<{ n: number }, [number]>("SELECT 1 AS n FROM frame WHERE content_id = ? LIMIT 1"),
      orphan: db.prepare<null, [number, number]>(
        // A lease that was given is kept, whoever else has let go of the same content since.
        "INSERT INTO orphan (content_id, due) VALUES (?, ?) ON CONFLICT DO UPDATE SET due = max(due, excluded.due)",
      ),
      adopt: db.prepare<null, [number]>("DELETE FROM orphan WHERE content_id = ?"),
      due: db.prepare<{ content_id: number }, [number, number]>(
        "SELECT content_id FROM orphan WHERE due <= ? ORDER BY content_id LIMIT ?",
      ),
    };
  }

  /**
   * Takes content in, hashing it as it comes; null for no bytes at all. The memory it needs does not depend on the size.
   * Content above the line is durable when this returns; smaller content becomes so with the frame's commit.
   */
  async take(body: AsyncIterable<Uint8Array>): Promise<StoredContent | null> {
    const small: Uint8Array[] = [];
    let size = 0;
    const chunks = body[Symbol.asyncIterator]();
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      small.push(next.value);
      size += next.value.length;
      if (size > INLINE_BYTES_MAX) {
        return { data: null, ...(await this.#files.write(small, chunks, (hash) => this.#hold(hash))) };
      }
    }
    return size === 0 ? null : this.takeBytes(small.length === 1 && small[0] ? small[0] : Buffer.concat(small));
  }

  /** Takes in content that is in memory already and not above the line. */
  takeBytes(data: Uint8Array): StoredContent {
    const hash = hashOf(new Bun.CryptoHasher("sha256").update(data).digest());
    return { hash, size: data.length, data, release: this.#hold(hash) };
  }

  /** Whether content of this size may be given to `takeBytes`. */
  static isSmall = (size: number): boolean => size <= INLINE_BYTES_MAX;

  #hold(hash: Hash): () => void {
    this.#held.set(hash, (this.#held.get(hash) ?? 0) + 1);
    return () => {
      const count = (this.#held.get(hash) ?? 1) - 1;
      if (count > 0) this.#held.set(hash, count);
      else this.#held.delete(hash);
    };
  }

  /** Puts content into the database, inside the writer's transaction; answers its id. Equal content is stored once. */
  put(content: StoredContent): number {
    const digest = digestOf(content.hash);
    const known = this.idOf(content.hash);
    if (known !== null) {
      if (content.data !== null) this.#mend(known, content.data);
      return known;
    }
    const added = this.#sql.insert.get(prefixOf(digest), digest, content.size, content.data);
    if (added === null) throw new Error("the content could not be added");
    return added.content_id;
  }

  // What is there may have been damaged since; who sends it once more must not be told that a damaged copy is safe.
  #mend(contentId: number, data: Uint8Array): void {
    const stored = this.#sql.row.get(contentId)?.data;
    if (!stored || !Buffer.from(data.buffer, data.byteOffset, data.length).equals(stored))
      this.#sql.mend.run(data, contentId);
  }

  /** The id of stored content; null when there is none. */
  idOf(hash: Hash): number | null {
    const digest = digestOf(hash);
    const row = this.#sql.candidates.all(prefixOf(digest)).find((candidate) => digest.equals(candidate.digest));
    return row?.content_id ?? null;
  }

  /** Says that content without a frame may be collected from `dueMs` on, inside the writer's transaction. */
  leaveUntil(contentId: number, dueMs: number): void {
    if (this.#sql.isReferred.get(contentId) === null) this.#sql.orphan.run(contentId, dueMs);
  }

  /** Whether `collect` would find something to look at. */
  isCollectable(nowMs: number): boolean {
    return this.#sql.due.get(nowMs, 1) !== null;
  }

  /**
   * Collects content whose time has come and that no frame refers to and no request holds, inside the writer's
   * transaction. Answers how many were looked at and a function that removes the files, for after the commit.
   */
  collect(nowMs: number, countMax: number): { seen: number; collected: number; bytes: number; unlink: () => void } {
    const due = this.#sql.due.all(nowMs, countMax);
    const files: Hash[] = [];
    let [collected, bytes] = [0, 0];
    for (const { content_id: contentId } of due) {
      const row = this.#sql.row.get(contentId);
      const hash = row && hashOf(row.digest);
      if (hash !== null && this.#held.has(hash)) continue;
      this.#sql.adopt.run(contentId);
      if (row === null || hash === null || this.#sql.isReferred.get(contentId) !== null) continue;
      this.#sql.delete.run(contentId);
      collected++;
      bytes += row.size;
      if (row.data === null) files.push(hash);
    }
    const unlink = (): void => files.forEach((hash) => this.#unlink(hash));
    return { seen: due.length, collected, bytes, unlink };
  }

  #unlink(hash: Hash): void {
    // An upload of the same content may have come in since: then the file is its.
    if (!this.#held.has(hash)) this.#files.remove(hash);
  }

  /** Opens stored content; null when there is none. Small content is checked against its hash here and now. */
  open(hash: Hash): Content | null {
    const contentId = this.idOf(hash);
    const row = contentId === null ? null : this.#sql.row.get(contentId);
    if (row === null) return null;
    const { data } = row;
    if (data === null) return { size: row.size, read: (start, end) => this.#files.read(hash, row.size, start, end) };
    if (hashOf(new Bun.CryptoHasher("sha256").update(data).digest()) !== hash) throw corrupt(hash);
    return {
      size: data.length,
      read: async function* (start, end) {
        yield data.subarray(start, end);
      },
    };
  }
}
