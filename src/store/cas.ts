// Content-addressed storage. Small content lives in the database and commits with its frame; larger content is a file
// under cas/, on disk before its frame commits. Only this file knows where the line is.
//
//   <store>/cas/7f/8c3e...   the content whose SHA-256 begins with 7f, in hex
//   <store>/cas/tmp/<n>      content on its way in
import {
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import { digestOf, type Hash, hashOf } from "../frame/hash.ts";

// Up to here a row and its share of one group commit are cheaper than a file with two fsyncs of its own.
const INLINE_BYTES_MAX = 64 * 1024;
// Each chunk of an upload is garbage once it is written, which the collector learns of late: left alone, an upload of 2 GB
// raised the server's memory by 65 MB, and by 40 MB when it is told after each 32 MB.
const GARBAGE_BYTES_MAX = 32 * 1024 * 1024;
// What one read of a file holds in memory.
const READ_BYTES = 256 * 1024;

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

/** The path of a content file below `cas/`. */
export function contentPath(dir: string, hash: Hash): string {
  const hex = digestOf(hash).toString("hex");
  return join(dir, "cas", hex.slice(0, 2), hex.slice(2));
}

const prefixOf = (digest: Buffer): number => digest.readUIntBE(0, 6);

export class Cas {
  readonly #dir: string;
  readonly #sql;
  // Content that a request holds: the collector leaves it alone. Counted, for two requests may hold the same.
  readonly #held = new Map<Hash, number>();
  #temporary = 0;

  constructor(dir: string, db: Database) {
    this.#dir = dir;
    mkdirSync(this.#temporaryDir, { recursive: true, mode: 0o700 });
    // Nobody else writes here while the store's lock is held, so what is left is from a crash.
    for (const name of readdirSync(this.#temporaryDir)) unlinkSync(join(this.#temporaryDir, name));
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

  get #temporaryDir(): string {
    return join(this.#dir, "cas", "tmp");
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
      if (size > INLINE_BYTES_MAX) return this.#takeFile(small, chunks);
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

  async #takeFile(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): Promise<StoredContent> {
    const temporary = join(this.#temporaryDir, String(++this.#temporary));
    const file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    const hasher = new Bun.CryptoHasher("sha256");
    let release: (() => void) | undefined;
    let [size, garbage] = [0, 0];
    try {
      const write = async (chunk: Uint8Array): Promise<void> => {
        hasher.update(chunk);
        size += chunk.length;
        garbage += chunk.length;
        if (garbage > GARBAGE_BYTES_MAX) {
          garbage = 0;
          Bun.gc(true);
        }
        // A write may be short without an error when the disk fills up; the next one then says ENOSPC.
        for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
      };
      for (const chunk of first) await write(chunk);
      for (let next = await rest.next(); !next.done; next = await rest.next()) await write(next.value);
      await file.sync();
      await file.close();
      const hash = hashOf(hasher.digest());
      release = this.#hold(hash);
      this.#moveIntoPlace(temporary, hash);
      return { hash, size, data: null, release };
    } catch (error) {
      release?.();
      await file.close().catch(() => undefined);
      // Once it has been renamed it is gone from here; the error to tell is the first one.
      rmSync(temporary, { force: true });
      // Lets go of the body, so that its sender is answered instead of waiting to be read.
      void rest.return?.();
      throw error;
    }
  }

  #moveIntoPlace(temporary: string, hash: Hash): void {
    const path = contentPath(this.#dir, hash);
    const shard = join(path, "..");
    if (mkdirSync(shard, { recursive: true, mode: 0o700 }) !== undefined) syncDirectory(join(shard, ".."));
    // A file of this name can only be this content, or a damaged copy that this one mends.
    renameSync(temporary, path);
    syncDirectory(shard);
  }

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
    if (this.#held.has(hash)) return;
    try {
      unlinkSync(contentPath(this.#dir, hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  /** Opens stored content; null when there is none. Small content is checked against its hash here and now. */
  open(hash: Hash): Content | null {
    const contentId = this.idOf(hash);
    const row = contentId === null ? null : this.#sql.row.get(contentId);
    if (row === null) return null;
    const { data } = row;
    if (data === null) return { size: row.size, read: (start, end) => this.#readFile(hash, row.size, start, end) };
    if (hashOf(new Bun.CryptoHasher("sha256").update(data).digest()) !== hash) throw corrupt(hash);
    return {
      size: data.length,
      read: async function* (start, end) {
        yield data.subarray(start, end);
      },
    };
  }

  // The last bytes are held back until the whole is known to be right: a corrupt file is cut short, never served as good.
  async *#readFile(hash: Hash, size: number, start: number, end: number): AsyncGenerator<Uint8Array> {
    const file = await open(contentPath(this.#dir, hash), constants.O_RDONLY | constants.O_NOFOLLOW).catch((error) => {
      throw error.code === "ENOENT" ? missing(hash) : error;
    });
    try {
      const hasher = new Bun.CryptoHasher("sha256");
      let held: Uint8Array | null = null;
      let at = 0;
      for (;;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, at);
        if (bytesRead === 0) break;
        const chunk = buffer.subarray(0, bytesRead);
        hasher.update(chunk);
        const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at));
        at += bytesRead;
        if (wanted.length === 0) continue;
        if (held !== null) yield held;
        held = wanted;
      }
      if (at !== size || hashOf(hasher.digest()) !== hash) throw corrupt(hash);
      if (held !== null) yield held;
    } finally {
      await file.close();
    }
  }
}

const corrupt = (hash: Hash): XsError =>
  new XsError("internal", `content ${hash} is damaged on disk; run: xs check <store>`);
const missing = (hash: Hash): XsError =>
  new XsError("internal", `content ${hash} is missing on disk; run: xs check <store>`);

function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
