// Content-addressed storage. Small content lives in the database and commits with its frame; larger content is a file
// under cas/, on disk before its frame commits. Only this file knows where the line is.
import type { Database } from "bun:sqlite";
import { digestOf, type Hash } from "../frame/hash.ts";
import { hashBytes } from "./cas-layout.ts";
import { ContentFiles, corrupt } from "./content-files.ts";
import { readingSlowly } from "./fault.ts";

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

/** Content to be read. `slice` answers its bytes from `start` up to `end`, checked against the hash of the whole. */
export type Content = {
  readonly size: number;
  readonly slice: (start: number, end: number) => Promise<Uint8Array<ArrayBuffer> | Blob>;
};

type Row = { content_id: number; size: number; digest: Uint8Array; data: Uint8Array<ArrayBuffer> | null };

/** The first 6 bytes of a digest as an integer: under this number content is found. */
export const prefixOf = (digest: Buffer): number => digest.readUIntBE(0, 6);

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
      insert: db.prepare<null, [number, Uint8Array, number, Uint8Array | null]>(
        "INSERT INTO content (prefix, digest, size, data) VALUES (?, ?, ?, ?)",
      ),
      mend: db.prepare<null, [Uint8Array, number]>("UPDATE content SET data = ? WHERE content_id = ?"),
    };
    this.#files.recover((hash) => this.idOf(hash) !== null);
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
        return { data: null, ...(await this.#files.write(small, chunks, (hash) => this.#hold(hash, true))) };
      }
    }
    return size === 0 ? null : this.takeBytes(small.length === 1 && small[0] ? small[0] : Buffer.concat(small));
  }

  /** Takes in content that is in memory already and not above the line. */
  takeBytes(data: Uint8Array): StoredContent {
    const hash = hashBytes(data);
    return { hash, size: data.length, data, release: this.#hold(hash) };
  }

  /** Whether content of this size may be given to `takeBytes`. */
  static isSmall = (size: number): boolean => size <= INLINE_BYTES_MAX;

  #hold(hash: Hash, isFile = false): () => void {
    this.#held.set(hash, (this.#held.get(hash) ?? 0) + 1);
    return () => {
      const count = (this.#held.get(hash) ?? 1) - 1;
      if (count > 0) return void this.#held.set(hash, count);
      this.#held.delete(hash);
      // Without a row it may be that a commit failed and is on the disk all the same: the next start decides.
      if (isFile && this.#hasRow(hash)) this.#files.unmark(hash);
    };
  }

  // Letting go must not fail, for it would hide what the append failed with; a database that cannot be asked has no row.
  #hasRow(hash: Hash): boolean {
    try {
      return this.idOf(hash) !== null;
    } catch {
      return false;
    }
  }

  /** Puts content into the database, inside the writer's transaction; answers its id. Equal content is stored once. */
  put(content: StoredContent): number {
    const digest = digestOf(content.hash);
    const known = this.#idOf(digest);
    if (known !== null) {
      if (content.data !== null) this.#mend(known, content.data);
      return known;
    }
    return Number(this.#sql.insert.run(prefixOf(digest), digest, content.size, content.data).lastInsertRowid);
  }

  // What is there may have been damaged since; who sends it once more must not be told that a damaged copy is safe.
  #mend(contentId: number, data: Uint8Array): void {
    const stored = this.#sql.row.get(contentId)?.data;
    if (!stored || !Buffer.from(data.buffer, data.byteOffset, data.length).equals(stored))
      this.#sql.mend.run(data, contentId);
  }

  /** The id of stored content; null when there is none. */
  idOf(hash: Hash): number | null {
    return this.#idOf(digestOf(hash));
  }

  #idOf(digest: Buffer): number | null {
    const prefix = prefixOf(digest);
    // Most often there is none, or the one that is looked for.
    const first = this.#sql.candidates.get(prefix);
    if (first === null || digest.equals(first.digest)) return first?.content_id ?? null;
    const found = this.#sql.candidates.all(prefix).find((candidate) => digest.equals(candidate.digest));
    return found?.content_id ?? null;
  }

  /** Whether a request holds this content: it is on its way into the store. */
  isHeld(hash: Hash): boolean {
    return this.#held.has(hash);
  }

  /** Says that the row of this content, which is in a file, goes with the running transaction. */
  mark(hash: Hash): void {
    this.#files.mark(hash);
  }

  /** Removes the file of content whose row is gone. */
  unlink(hash: Hash): void {
    // An upload of the same content may have come in since: then the file is its.
    if (this.isHeld(hash)) return;
    this.#files.remove(hash);
    this.#files.unmark(hash);
  }

  /** Opens stored content; null when there is none. Small content is checked against its hash here and now. */
  open(hash: Hash): Content | null {
    const contentId = this.idOf(hash);
    const row = contentId === null ? null : this.#sql.row.get(contentId);
    if (row === null) return null;
    const { data } = row;
    if (data === null) {
      const { size } = row;
      return {
        size,
        slice: (start, end) => readingSlowly(async () => (await this.#files.checked(hash, size)).slice(start, end)),
      };
    }
    if (hashBytes(data) !== hash) throw corrupt(hash);
    return { size: data.length, slice: async (start, end) => data.subarray(start, end) };
  }
}
