// Content files: large content under cas/, written so that a name always means the whole and right content.
import { closeSync, constants, mkdirSync, openSync, readdirSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { XsError } from "../error.ts";
import { digestOf, type Hash, hashOf } from "../frame/hash.ts";
import { casDir, contentPath, hashFile, syncDirectory, temporaryDir } from "./cas-layout.ts";

// Each chunk of an upload is garbage once it is written, which the collector learns of late: left alone, an upload of 2 GB
// raised the server's memory by 65 MB, and by 40 MB when it is told after each 32 MB.
const GARBAGE_BYTES_MAX = 32 * 1024 * 1024;
// After each so many bytes the disk is told to begin with them, so that it works while the rest still comes; and no more than
// twice as many wait for it, however large the upload, so that nobody else's write has to wait for all of them.
const SYNC_BYTES = 16 * 1024 * 1024;

// A mark is an empty file in cas/tmp, named by the digest.
const MARKER = /^[0-9a-f]{64}$/;

/** A content file as it was written: durable under its name. */
export type WrittenFile = { readonly hash: Hash; readonly size: number };

/** The content files of a store, which only the holder of its lock may write. */
export class ContentFiles {
  readonly #dir: string;
  #temporary = 0;

  constructor(dir: string) {
    this.#dir = dir;
    const temporary = temporaryDir(dir);
    mkdirSync(temporary, { recursive: true, mode: 0o700 });
    // Directories that a killed server made may not be on the disk yet.
    syncDirectory(casDir(dir));
    syncDirectory(dir);
  }

  /**
   * Clears away what a crash left: unfinished files, and those marked files that no row in the database needs. Nobody else
   * writes here while the store's lock is held.
   */
  recover(isStored: (hash: Hash) => boolean): void {
    const temporary = temporaryDir(this.#dir);
    for (const name of readdirSync(temporary)) {
      const hash = MARKER.test(name) ? hashOf(Buffer.from(name, "hex")) : null;
      if (hash !== null && !isStored(hash)) this.remove(hash);
      unlinkSync(join(temporary, name));
    }
  }

  /**
   * Marks a file whose row is about to come or to go: after a crash in between, `recover` asks the database, which alone
   * knows. So no file is left that the store does not know of.
   */
  mark(hash: Hash): void {
    closeSync(openSync(this.#markerPath(hash), "w", 0o600));
  }

  /** Takes the mark away: file and row agree. */
  unmark(hash: Hash): void {
    removeQuietly(this.#markerPath(hash));
  }

  #markerPath(hash: Hash): string {
    return join(temporaryDir(this.#dir), digestOf(hash).toString("hex"));
  }

  /** Writes the chunks as a file under the name of their hash. `hold` is told the hash before the file gets its name. */
  async write(
    first: readonly Uint8Array[],
    rest: AsyncIterator<Uint8Array>,
    hold: (hash: Hash) => () => void,
  ): Promise<WrittenFile & { readonly release: () => void }> {
    const temporary = join(temporaryDir(this.#dir), String(++this.#temporary));
    const file = await open(
      temporary,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    const hasher = new Bun.CryptoHasher("sha256");
    let release: (() => void) | undefined;
    let [size, garbage, unsynced] = [0, 0, 0];
    let syncing = Promise.resolve();
    try {
      const write = async (chunk: Uint8Array): Promise<void> => {
        hasher.update(chunk);
        // To hand it to a thread costs more than to write it: the kernel only copies, for the disk is never far behind (below).
        // A write may be short without an error when the disk fills up; the next one then says ENOSPC.
        for (let at = 0; at < chunk.length;) at += writeSync(file.fd, chunk, at);
        size += chunk.length;
        garbage += chunk.length;
        if (garbage > GARBAGE_BYTES_MAX) {
          garbage = 0;
          Bun.gc(true);
        }
        unsynced += chunk.length;
        if (unsynced > SYNC_BYTES) {
          unsynced = 0;
          await syncing;
          syncing = file.datasync();
          // Told where it is awaited.
          syncing.catch(() => undefined);
        }
      };
      for (const chunk of first) await write(chunk);
      for (let next = await rest.next(); !next.done; next = await rest.next()) await write(next.value);
      await syncing;
      await file.sync();
      await file.close();
      const hash = hashOf(hasher.digest());
      release = hold(hash);
      this.mark(hash);
      this.#moveIntoPlace(temporary, hash);
      return { hash, size, release };
    } catch (failure) {
      release?.();
      // Whatever else went wrong: a disk that could not sync must be told.
      const error = await syncing.then(
        () => failure,
        (fault: unknown) => fault,
      );
      await file.close().catch(() => undefined);
      removeQuietly(temporary);
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

  /** Removes a file; one that is not there is no error. */
  remove(hash: Hash): void {
    try {
      unlinkSync(contentPath(this.#dir, hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  /**
   * The file of content of this size, to be sent as it is; all of it is read and held against its hash first, so that
   * damaged content is refused before its first byte. Throws `internal` when it is missing or damaged.
   */
  async checked(hash: Hash, size: number): Promise<Blob> {
    const path = contentPath(this.#dir, hash);
    const found = await hashFile(path);
    if (found === null) throw missing(hash);
    if (found.size !== size || found.hash !== hash) throw corrupt(hash);
    return Bun.file(path);
  }
}

// Once it has been renamed it is gone from here, and a failed disk may not let it go; the error to tell is the first one.
function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // What stays is swept up by the next start.
  }
}

/** What is told of content that does not have its hash any more. */
export const corrupt = (hash: Hash): XsError =>
  new XsError("internal", `content ${hash} is damaged on disk; run: xs check <store>`);
const missing = (hash: Hash): XsError =>
  new XsError("internal", `content ${hash} is missing on disk; run: xs check <store>`);
