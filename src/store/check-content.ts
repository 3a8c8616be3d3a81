// Checks of content: every row against its bytes, every file under cas/ against its row.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Database } from "bun:sqlite";
import { digestOf, type Hash, hashOf } from "../frame/hash.ts";
import { prefixOf } from "./cas.ts";
import {
  contentFiles,
  contentPath,
  entriesOf,
  hashBytes,
  hashFile,
  quarantinePath,
  temporaryDir,
} from "./cas-layout.ts";
import { type Finding, type Progress, REPAIR } from "./finding.ts";
import { walk } from "./walk.ts";

// Small content comes with its bytes, up to 64 KiB each.
const PAGE_CONTENTS = 64;
const PAGE_FILES = 256;
// A server removes a file right after its row, and an upload gives a file its name right before its row.
const SETTLE_MS = 200;
const FILE_GRACE_MS = 60_000;
// An upload may fall silent for an hour and go on; what is older belongs to nobody.
const TEMPORARY_AGE_MS_MAX = 2 * 60 * 60 * 1000;

const SEND_AGAIN = "send the same content again to mend it (xs cas-post), or restore it from a backup";

export type ContentRow = {
  readonly content_id: number;
  readonly prefix: number;
  readonly digest: Uint8Array;
  readonly size: number;
  readonly data: Uint8Array | null;
};

export type ContentChecked = { contents: number; files: number; bytes: number };

/** All rows of the content table in order of id, a page at a time. */
export function contentRows(db: Database): Generator<readonly ContentRow[]> {
  const next = db.prepare<ContentRow, [number]>(
    `SELECT content_id, prefix, digest, size, data FROM content WHERE content_id > ? ORDER BY content_id LIMIT ${PAGE_CONTENTS}`,
  );
  return walk(
    // A flipped bit can make a value null that the schema says is none.
    (after) => next.all(after).map((row) => ({ ...row, digest: row.digest ?? new Uint8Array() })),
    (row) => row.content_id,
  );
}

/** Checks every row of content, and the bytes of those that are in the database. */
export function* checkContentRows(db: Database, checked: ContentChecked, progress: Progress): Generator<Finding> {
  const twin = db.prepare<{ n: number }, [number, Uint8Array, number]>(
    "SELECT 1 AS n FROM content WHERE prefix = ? AND digest = ? AND content_id < ? LIMIT 1",
  );
  const isNeeded = db.prepare<{ n: number }, [number, number]>(
    "SELECT EXISTS (SELECT 1 FROM frame WHERE content_id = ?) OR EXISTS (SELECT 1 FROM orphan WHERE content_id = ?) AS n",
  );
  for (const rows of contentRows(db)) {
    for (const row of rows) {
      const { content_id: contentId, size, data } = row;
      const digest = Buffer.from(row.digest);
      const hash = hashOf(digest);
      const finding = (fault: Finding["fault"], message: string, action = REPAIR): Finding => ({
        fault,
        message,
        action,
        hash,
      });
      if (digest.length !== 32) {
        yield finding("content_key", `content ${contentId} has a hash of ${digest.length} bytes`, SEND_AGAIN);
        continue;
      }
      if (prefixOf(digest) !== row.prefix)
        yield finding("content_key", `content ${hash} is noted under a wrong prefix`);
      if (twin.get(row.prefix, digest, contentId) !== null)
        yield finding("content_duplicate", `content ${hash} is stored twice`);
      if (isNeeded.get(contentId, contentId)?.n !== 1)
        yield finding("content_orphaned", `content ${hash} is of no frame, and not due to be collected`);
      if (data !== null) {
        if (data.length !== size)
          yield finding("content_size", `content ${hash} is noted with ${size} bytes and has ${data.length}`);
        if (hashBytes(data) !== hash)
          yield finding("content_damaged", `content ${hash} is damaged: its bytes have another hash`, SEND_AGAIN);
        checked.bytes += data.length;
      }
    }
    checked.contents += rows.length;
    progress(checked.contents, "contents");
  }
  for (const { content_id: contentId } of db
    .query<{ content_id: number }, []>(
      "SELECT content_id FROM orphan WHERE content_id NOT IN (SELECT content_id FROM content)",
    )
    .iterate()) {
    yield {
      fault: "content_orphaned",
      message: `content ${contentId} is due to be collected and not there`,
      action: REPAIR,
    };
  }
}

/**
 * Checks the files that content is in. Reads rows anew where a file does not agree, for a server may have collected or
 * replaced it meanwhile.
 */
export async function* checkContentFiles(
  dir: string,
  db: Database,
  checked: ContentChecked,
  isServed: boolean,
  progress: Progress,
): AsyncGenerator<Finding> {
  type Row = { content_id: number; digest: Uint8Array; size: number };
  const next = db.prepare<Row, [number]>(
    `SELECT content_id, digest, size FROM content WHERE content_id > ? AND data IS NULL ORDER BY content_id LIMIT ${PAGE_FILES}`,
  );
  const isStill = db.prepare<{ n: number }, [number, Uint8Array]>(
    "SELECT 1 AS n FROM content WHERE content_id = ? AND digest = ? AND data IS NULL",
  );
  for (const rows of walk(
    (after) => next.all(after),
    (row) => row.content_id,
  )) {
    const suspects: Row[] = [];
    for (const row of rows) {
      if (row.digest?.length !== 32) continue;
      const found = await hashFile(contentPath(dir, hashOf(row.digest)));
      checked.files++;
      checked.bytes += found?.size ?? 0;
      progress(checked.files, "files");
      if (!agrees(row, found)) suspects.push(row);
    }
    if (suspects.length === 0) continue;
    if (isServed) await Bun.sleep(SETTLE_MS);
    for (const row of suspects) {
      const hash = hashOf(row.digest);
      const found = await hashFile(contentPath(dir, hash));
      if (!agrees(row, found) && isStill.get(row.content_id, row.digest) !== null)
        yield fileFinding(dir, hash, row.size, found);
    }
  }
}

type FoundFile = { readonly hash: Hash; readonly size: number } | null;

const agrees = ({ digest, size }: { digest: Uint8Array; size: number }, found: FoundFile): boolean =>
  found?.hash === hashOf(digest) && found.size === size;

function fileFinding(dir: string, hash: Hash, size: number, found: FoundFile): Finding {
  const path = contentPath(dir, hash);
  if (found === null) {
    const aside = existsSync(quarantinePath(dir, hash)) ? `; a damaged copy is ${quarantinePath(dir, hash)}` : "";
    return {
      fault: "content_missing",
      message: `content ${hash} is missing: there is no ${path}${aside}`,
      action: SEND_AGAIN,
      hash,
      path,
    };
  }
  if (found.hash === hash)
    return {
      fault: "content_size",
      message: `content ${hash} is noted with ${size} bytes and has ${found.size}`,
      action: REPAIR,
      hash,
      path,
    };
  return {
    fault: "content_damaged",
    message: `content ${hash} is damaged: ${path} has another hash`,
    action: `${SEND_AGAIN}; ${REPAIR} sets it aside`,
    hash,
    path,
  };
}

/** Files below the store that belong to nothing. */
export async function* checkStrays(
  dir: string,
  db: Database,
  isServed: boolean,
  nowMs: number,
): AsyncGenerator<Finding> {
  for await (const path of temporaryFiles(dir, isServed, nowMs))
    yield {
      fault: "file_temporary",
      message: `${path} was left behind by a crash`,
      action: REPAIR,
      path,
    };
  for await (const { path, hash } of strayFiles(dir, db, isServed, nowMs)) {
    const message =
      hash === null ? `${path} is not a file of a store` : `${path} is content that the store does not know`;
    yield {
      fault: "file_stray",
      message,
      action: hash === null ? "move it away" : `${REPAIR}, or run: xs gc`,
      path,
      ...(hash === null ? {} : { hash }),
    };
  }
}

/** Files that were not finished and that nobody works on. */
export async function* temporaryFiles(dir: string, isServed: boolean, nowMs: number): AsyncGenerator<string> {
  const inCas = (await entriesOf(temporaryDir(dir))).map(({ name }) => join(temporaryDir(dir), name));
  // What a backup into this directory had begun; one that runs holds the lock.
  const partial = join(dir, "store.db.partial");
  for (const path of [...inCas, partial]) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || (isServed && stat.mtimeMs > nowMs - TEMPORARY_AGE_MS_MAX)) continue;
    yield path;
  }
}

/** Files under cas/ that no row of content needs; under a server only those that have settled. */
export async function* strayFiles(
  dir: string,
  db: Database,
  isServed: boolean,
  nowMs: number,
): AsyncGenerator<{ path: string; hash: Hash | null }> {
  const owner = db.prepare<{ isFile: number }, [number, Uint8Array]>(
    "SELECT data IS NULL AS isFile FROM content WHERE prefix = ? AND digest = ?",
  );
  const isOwned = (hash: Hash): boolean => {
    const digest = digestOf(hash);
    return owner.all(prefixOf(digest), digest).some((row) => row.isFile === 1);
  };
  for await (const { path, hash } of contentFiles(dir)) {
    if (hash !== null && isOwned(hash)) continue;
    if (isServed) {
      if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs) > nowMs - FILE_GRACE_MS) continue;
      await Bun.sleep(SETTLE_MS);
      if (!existsSync(path) || (hash !== null && isOwned(hash))) continue;
    }
    yield { path, hash };
  }
}
