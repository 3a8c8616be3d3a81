// The check of a whole store: every promise that its files can keep or break, from the outside, beside a server or at rest.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Database, SQLiteError } from "bun:sqlite";
import { XsError } from "../error.ts";
import { parseTopic } from "../frame/topic.ts";
import { checkContentFiles, checkContentRows, checkStrays } from "./check-content.ts";
import { checkDatabase, checkHeader } from "./check-database.ts";
import { checkFrames, frameRows } from "./check-frames.ts";
import { checkLast, IndexCheck } from "./check-index.ts";
import { casDir } from "./cas-layout.ts";
import { type Finding, type Progress, RESTORE } from "./finding.ts";
import { isLocked } from "./lock.ts";
import { databasePath, openDatabaseReadOnly } from "./schema.ts";
import { Disorder, guarded } from "./walk.ts";

/** What was checked, and how many faults that showed. */
export type Checked = {
  frames: number;
  contents: number;
  /** Of the contents, those in files. */
  files: number;
  /** Bytes of content that were hashed. */
  bytes: number;
  faults: number;
};

export type CheckOptions = {
  readonly onFinding: (finding: Finding) => void;
  readonly progress?: Progress;
  /** Ms since 1970. */
  readonly now?: () => number;
};

/**
 * Checks the store in a directory and tells each fault. For a process of its own: it reads the database file by itself,
 * which would cost a server its locks. Throws `not_found` where there is no store.
 */
export async function checkStore(dir: string, options: CheckOptions): Promise<Checked> {
  refuseNoStore(dir);
  const { progress = () => undefined, now = Date.now } = options;
  const checked: Checked = { frames: 0, contents: 0, files: 0, bytes: 0, faults: 0 };
  const tell = (finding: Finding): void => {
    checked.faults++;
    options.onFinding(finding);
  };
  const db = openOrTell(dir, tell);
  if (db === null) return checked;
  try {
    const isServed = isLocked(dir);
    const servedAtMs = isServed ? now() : null;
    for (const finding of checkTables(db, checked, servedAtMs, progress)) tell(finding);
    // Files change beside the database: they are compared with rows as they are by then, not as they were.
    for await (const finding of guardedFiles(checkContentFiles(dir, db, checked, isServed, progress))) tell(finding);
    for await (const finding of guardedFiles(checkStrays(dir, db, isServed, now()))) tell(finding);
    return checked;
  } finally {
    db.close();
  }
}

/** Throws `not_found` for a directory that is no store, `invalid` for what is no directory. */
export function refuseNoStore(dir: string): void {
  const stat = statSync(dir, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isDirectory())
    throw new XsError("invalid", `${dir} is not a directory; the files of a store are checked, by its directory`);
  if (stat === undefined || !(existsSync(databasePath(dir)) || existsSync(casDir(dir))))
    throw new XsError("not_found", `there is no store at ${dir}`);
}

function openOrTell(dir: string, tell: (finding: Finding) => void): Database | null {
  const path = databasePath(dir);
  const unreadable = (message: string): null => {
    tell({ fault: "database_unreadable", message, action: RESTORE, path });
    return null;
  };
  if (!existsSync(path)) return unreadable(`${path} is missing, though ${join(dir, "cas")} says that this is a store`);
  if (statSync(path).size === 0) return unreadable(`${path} is empty`);
  for (const finding of checkHeader(dir)) tell(finding);
  try {
    return openDatabaseReadOnly(dir);
  } catch (error) {
    if (error instanceof XsError || error instanceof SQLiteError)
      return unreadable(`${path} cannot be opened: ${error.message}`);
    throw error;
  }
}

// One read transaction, so that what a server does meanwhile is not seen in halves.
function* checkTables(
  db: Database,
  checked: Checked,
  servedAtMs: number | null,
  progress: Progress,
): Generator<Finding> {
  db.run("BEGIN");
  try {
    yield* guarded("the database", checkDatabase(db));
    yield* guarded("the table of frames", checkFramesAndIndex(db, checked, servedAtMs, progress));
    yield* guarded("the index of topics", checkLast(db));
    yield* guarded("the table of contents", checkContentRows(db, checked, progress));
  } finally {
    db.run("ROLLBACK");
  }
}

function* checkFramesAndIndex(
  db: Database,
  checked: Checked,
  servedAtMs: number | null,
  progress: Progress,
): Generator<Finding> {
  const index = new IndexCheck(db);
  const frames = { frames: 0, damaged: new Set<number>() };
  yield* checkFrames(db, frames, { servedAtMs, index, progress });
  checked.frames = frames.frames;
  if (index.agrees()) return;
  for (const rows of frameRows(db)) {
    for (const { topic, id, pos } of rows) {
      if (topic !== null && !frames.damaged.has(pos)) yield* index.missing({ topic: parseTopic(topic), id, pos });
    }
  }
  yield* index.dangling(frames.damaged);
}

async function* guardedFiles(findings: AsyncIterable<Finding>): AsyncGenerator<Finding> {
  try {
    yield* findings;
  } catch (error) {
    const isDisk = typeof (error as NodeJS.ErrnoException).syscall === "string";
    if (!(error instanceof SQLiteError) && !(error instanceof Disorder) && !isDisk) throw error;
    const { message } = error as Error;
    yield {
      fault: "content_damaged",
      message: `the files of content cannot be read to the end: ${message}`,
      action: RESTORE,
    };
  }
}
