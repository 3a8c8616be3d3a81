// A directory that holds a backup: a store that a server opens as it is, written so that the older one in it stays whole
// until the new one is.
//
//   store.db           the database; renamed into place last
//   store.db.partial   a newer one on its way
//   cas/               content files, as in any store
//   backup.json        the hash of store.db as it was written: a store that was served since is no backup any more
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Database, SQLiteError } from "bun:sqlite";
import { XsError } from "../error.ts";
import { type Hash, hashOf } from "../frame/hash.ts";
import { contentPath, hashFile, syncDirectory, temporaryDir } from "./cas-layout.ts";
import { checkContentRows, strayFiles } from "./check-content.ts";
import { checkSums } from "./check-frames.ts";
import type { Finding, Progress } from "./finding.ts";
import { lockStore } from "./lock.ts";
import { openDatabaseFile } from "./schema.ts";
import { guarded, walk } from "./walk.ts";

// What a backup directory may hold before there is a backup in it: what an interrupted one leaves.
const OURS: ReadonlySet<string> = new Set([
  "backup.json",
  "backup.json.partial",
  "store.db.partial",
  "cas",
  "lock",
  "pid",
]);
const PAGE_CONTENTS = 256;

/** Content that a backup needs as a file. */
export type NeededContent = { readonly hash: Hash; readonly size: number; readonly isReferred: boolean };

export class BackupDir {
  readonly #dir: string;
  readonly #unlock: () => void;
  #databaseHash: Hash | null = null;
  #database: Database | null = null;
  #temporary = 0;
  /** Whether an older backup is there, which must not be lost. */
  readonly isOlder: boolean;

  private constructor(dir: string, isOlder: boolean, unlock: () => void) {
    this.#dir = dir;
    this.isOlder = isOlder;
    this.#unlock = unlock;
  }

  /** Opens a directory that is new, empty, or holds a backup. Throws `conflict` for any other, and for one in use. */
  static async open(dir: string): Promise<BackupDir> {
    process.umask(0o077);
    mkdirSync(dir, { recursive: true });
    const names = readdirSync(dir);
    const isOlder = names.includes("store.db");
    if (isOlder && !names.includes("backup.json"))
      throw new XsError("conflict", `${dir} holds a store that is no backup; back up into another directory`);
    if (!isOlder && names.some((name) => !OURS.has(name)))
      throw new XsError("conflict", `${dir} is not empty and holds no backup; back up into another directory`);
    const unlock = lockStore(dir);
    try {
      if (isOlder) await refuseServed(dir);
      mkdirSync(temporaryDir(dir), { recursive: true, mode: 0o700 });
      for (const name of readdirSync(temporaryDir(dir))) unlinkSync(join(temporaryDir(dir), name));
      return new BackupDir(dir, isOlder, unlock);
    } catch (error) {
      unlock();
      throw error;
    }
  }

  get #partialPath(): string {
    return join(this.#dir, "store.db.partial");
  }

  /** Writes the database of the backup beside the older one. */
  async receive(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { hash } = await writeSynced(this.#partialPath, chunks);
    this.#databaseHash = hash;
    try {
      this.#database = openDatabaseFile(this.#partialPath);
    } catch (error) {
      if (error instanceof SQLiteError) throw new XsError("internal", `the copy cannot be opened: ${error.message}`);
      throw error;
    }
  }

  /** Faults in the database as it was written; notes how many frames it has. */
  *verify(counted: { frames: number }, progress: Progress): Generator<Finding> {
    const db = this.#opened;
    yield* guarded("the copy", checkSums(db, counted, progress));
    yield* guarded(
      "the contents of the copy",
      checkContentRows(db, { contents: 0, files: 0, bytes: 0 }, () => undefined),
    );
  }

  /** The content files that belong to this backup. */
  *needed(): Generator<NeededContent> {
    const next = this.#opened.prepare<
      { content_id: number; digest: Uint8Array; size: number; isReferred: number },
      [number]
    >(
      `SELECT content_id, digest, size, EXISTS (SELECT 1 FROM frame AS f WHERE f.content_id = c.content_id) AS isReferred
       FROM content AS c WHERE content_id > ? AND data IS NULL ORDER BY content_id LIMIT ${PAGE_CONTENTS}`,
    );
    for (const rows of walk(
      (after) => next.all(after),
      (row) => row.content_id,
    )) {
      for (const { digest, size, isReferred } of rows)
        yield { hash: hashOf(digest), size, isReferred: isReferred === 1 };
    }
  }

  get #opened(): Database {
    if (this.#database === null) throw new Error("the database has not been received");
    return this.#database;
  }

  /** Whether this content is here already, byte for byte. */
  async has({ hash, size }: NeededContent): Promise<boolean> {
    const found = await hashFile(contentPath(this.#dir, hash));
    return found?.hash === hash && found.size === size;
  }

  /** Writes content; answers false, and keeps nothing, where the bytes do not have the hash. */
  async put(hash: Hash, chunks: AsyncIterable<Uint8Array>): Promise<boolean> {
    const temporary = join(temporaryDir(this.#dir), String(++this.#temporary));
    const path = contentPath(this.#dir, hash);
    try {
      const written = await writeSynced(temporary, chunks);
      if (written.hash !== hash) return false;
      if (mkdirSync(dirname(path), { recursive: true, mode: 0o700 }) !== undefined)
        syncDirectory(dirname(dirname(path)));
      renameSync(temporary, path);
      syncDirectory(dirname(path));
      return true;
    } finally {
      if (existsSync(temporary)) unlinkSync(temporary);
    }
  }

  /** Puts the new database in the place of the older one, and removes content files that only that one needed. */
  async finish(): Promise<void> {
    const hash = this.#databaseHash;
    if (hash === null) throw new Error("the database has not been received");
    const path = join(this.#dir, "store.db");
    const older = this.isOlder ? notedHashes(this.#dir) : [];
    // Whichever of the two databases stands there when this is interrupted, it is known for a backup.
    noteHashes(this.#dir, [...older, hash]);
    renameSync(this.#partialPath, path);
    syncDirectory(this.#dir);
    noteHashes(this.#dir, [hash]);
    for await (const stray of strayFiles(this.#dir, this.#opened, false, Date.now())) {
      if (stray.hash !== null) unlinkSync(stray.path);
    }
  }

  /** Lets go of the directory; content that has come is left for the next backup to go on with. */
  close(): void {
    this.#database?.close();
    if (existsSync(this.#partialPath)) unlinkSync(this.#partialPath);
    this.#unlock();
  }
}

// A store that was served holds frames of its own, which a backup into its place would lose.
async function refuseServed(dir: string): Promise<void> {
  const path = join(dir, "store.db");
  const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const found = await hashFile(path);
  if (!hasLog && found !== null && notedHashes(dir).includes(found.hash)) return;
  throw new XsError(
    "conflict",
    `${dir} has been served or changed since it was written, so frames may be in it alone; back up into another directory`,
  );
}

function notedHashes(dir: string): string[] {
  try {
    const { databases } = JSON.parse(readFileSync(join(dir, "backup.json"), "utf8")) as { databases?: unknown };
    return Array.isArray(databases) ? databases.map(String) : [];
  } catch {
    return [];
  }
}

function noteHashes(dir: string, databases: readonly string[]): void {
  const path = join(dir, "backup.json");
  writeFileSync(`${path}.partial`, `${JSON.stringify({ databases })}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.partial`, path);
  syncDirectory(dir);
}

async function writeSynced(path: string, chunks: AsyncIterable<Uint8Array>): Promise<{ hash: Hash; size: number }> {
  const hasher = new Bun.CryptoHasher("sha256");
  const file = openSync(path, "w", 0o600);
  let size = 0;
  try {
    for await (const chunk of chunks) {
      hasher.update(chunk);
      size += chunk.length;
      for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return { hash: hashOf(hasher.digest()), size };
}
