// The database file: how it is opened, what its tables are, and how an older one is brought up to date.
import { existsSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { constants, Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import { type Fault, faultOf } from "./fault.ts";

/** The database of a store directory, which may be reached through links: SQLite's NOFOLLOW takes offence at those too. */
export const databasePath = (dir: string): string => join(existsSync(dir) ? realpathSync(dir) : dir, "store.db");

// "xs" and a format number, so that `file` and this program know a store from any other database.
const APPLICATION_ID = 0x78730001;

// One entry a version of the schema; entry n brings version n to n + 1. Entries are never edited once released.
const MIGRATIONS: readonly string[] = [
  `
  -- pos orders frames exactly as their ids do (store/position.ts); everything but pos follows from line.
  CREATE TABLE frame (
    pos        INTEGER PRIMARY KEY,
    line       TEXT    NOT NULL,  -- the frame as JSON, byte for byte what a reader gets
    sum        INTEGER NOT NULL,  -- CRC-32 of line: SQLite itself does not notice a flipped bit
    expires    INTEGER,           -- ms since 1970 at which a time: frame stops being visible
    content_id INTEGER,
    arrival    INTEGER,           -- set on frames imported below the tail while somebody followed
    keep       INTEGER,           -- n of a last:n frame
    topic      TEXT AS (substr(line, 11, instr(line, '","id":"') - 11)) VIRTUAL,
    id         TEXT AS (substr(line, instr(line, '"id":"') + 6, 26)) VIRTUAL
  ) STRICT;
  CREATE INDEX frame_expires ON frame (expires) WHERE expires IS NOT NULL;
  CREATE INDEX frame_content ON frame (content_id) WHERE content_id IS NOT NULL;
  CREATE INDEX frame_arrival ON frame (arrival) WHERE arrival IS NOT NULL;
  CREATE INDEX frame_keep ON frame (topic) WHERE keep IS NOT NULL;

  -- A path is what a reader can ask for: a topic ("a.b"), or all below one ("a.*").
  CREATE TABLE path (
    path_id INTEGER PRIMARY KEY,
    name    TEXT NOT NULL UNIQUE
  ) STRICT;
  CREATE TABLE path_frame (
    path_id INTEGER NOT NULL,
    pos     INTEGER NOT NULL,
    PRIMARY KEY (path_id, pos)
  ) STRICT, WITHOUT ROWID;

  -- prefix is the first 6 bytes of the digest as an integer: a narrow key keeps the pages that an append touches few.
  CREATE TABLE content (
    content_id INTEGER PRIMARY KEY,
    prefix     INTEGER NOT NULL,
    digest     BLOB    NOT NULL,
    size       INTEGER NOT NULL,
    data       BLOB               -- null: in a file under cas/
  ) STRICT;
  CREATE INDEX content_prefix ON content (prefix);
  -- Content that no frame may need any more, and the ms since 1970 from which it may be collected.
  CREATE TABLE orphan (
    content_id INTEGER PRIMARY KEY,
    due        INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX orphan_due ON orphan (due);

  CREATE TABLE mark (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- What stands twice is checked against itself: nothing else would tell a flipped bit in a value.
  CREATE INDEX mark_value ON mark (value);
  `,
];

/** The version of the schema that this program writes. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

// A reader beside the server that comes upon the head of the log while it changes takes the write lock for an instant to
// read it once more (walIndexReadHdr in https://sqlite.org/src/file/src/wal.c); who cannot wait would fail an append for that.
const LOCK_WAIT_MS_MAX = 1_000;
// Pages of cache: 16 MB, for reads; the limit keeps idle memory independent of the store's size.
const CACHE_KIB = 16_000;
// A checkpoint costs two fsyncs: one for 16 MB of log, not for 4, halves the pauses and still bounds the log.
export const CHECKPOINT_PAGES = 4_000;
const LOG_BYTES_KEPT = 64 * 1024 * 1024;

/** Opens (and if need be makes or migrates) the database of a store for writing. Throws `XsError` for a foreign, newer or emptied file. */
export function openDatabase(dir: string): Database {
  refuseEmptied(dir);
  const path = databasePath(dir);
  const db = new Database(
    path,
    constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_CREATE | constants.SQLITE_OPEN_NOFOLLOW,
  );
  try {
    harden(db);
    migrate(db, path);
    // auto_vacuum is off: free pages are used again, and a file that shrinks would have to be rewritten.
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    db.run(`PRAGMA busy_timeout = ${LOCK_WAIT_MS_MAX}`);
    db.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.run(`PRAGMA journal_size_limit = ${LOG_BYTES_KEPT}`);
    db.run(`PRAGMA cache_size = -${CACHE_KIB}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Closes the database with everything in its one file, so that a store at rest can be copied as it is; answers what kept it. */
export function closeDatabase(db: Database): Fault | undefined {
  try {
    // Closing would do this too, but only once every prepared statement is collected as garbage.
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    return undefined;
  } catch (error) {
    // A full or failed disk: the log keeps what it has, and the next opening reads it.
    return faultOf(error);
  } finally {
    db.close();
  }
}

/** Opens the database of a store for reading beside a server, or of a store at rest. */
export const openDatabaseReadOnly = (dir: string): Database => openDatabaseFile(databasePath(dir));

/** Opens a database by its path, for reading. */
export function openDatabaseFile(path: string): Database {
  const db = new Database(path, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_NOFOLLOW);
  try {
    harden(db);
    checkVersion(db, path);
    db.run(`PRAGMA cache_size = -${CACHE_KIB}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

// https://www.sqlite.org/security.html: a store file may come from a stranger.
function harden(db: Database): void {
  db.run("PRAGMA trusted_schema = OFF");
  db.run("PRAGMA cell_size_check = ON");
  db.run("PRAGMA mmap_size = 0");
  db.run("PRAGMA temp_store = MEMORY");
}

// SQLite opens an empty file as a new database. A store that has been used has content beside it: then that is damage.
function refuseEmptied(dir: string): void {
  if (!existsSync(join(dir, "cas"))) return;
  const path = databasePath(dir);
  const size = existsSync(path) ? statSync(path).size : undefined;
  if (size) return;
  const what = size === undefined ? "is missing" : "is empty";
  throw new XsError(
    "internal",
    `${path} ${what}, though ${dir} has been a store; restore it from a backup, or move ${dir} away`,
  );
}

function pragma(db: Database, name: string): number {
  const row = db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
  return row?.[name] ?? 0;
}

/** The version of the schema in a database. */
export const versionOf = (db: Database): number => pragma(db, "user_version");

/** What a table or index is: `sql` is null for an index that SQLite makes by itself. */
export type SchemaRow = {
  readonly type: string;
  readonly name: string;
  readonly table: string;
  readonly sql: string | null;
};

/** The schema of a database. */
export const schemaOf = (db: Database): SchemaRow[] =>
  db.query<SchemaRow, []>('SELECT type, name, tbl_name AS "table", sql FROM sqlite_schema').all();

/** The schema of a store. */
export function expectedSchema(): SchemaRow[] {
  const db = new Database(":memory:");
  try {
    for (const step of MIGRATIONS) db.run(step);
    return schemaOf(db);
  } finally {
    db.close();
  }
}

function checkVersion(db: Database, path: string): number {
  const applicationId = pragma(db, "application_id");
  const version = versionOf(db);
  const tables = db.query<{ n: number }, []>("SELECT count(*) AS n FROM sqlite_schema").get()?.n ?? 0;
  if (applicationId !== APPLICATION_ID && tables > 0) {
    throw new XsError("internal", `${path} is a database, but not of xs; serve another directory`);
  }
  if (version > SCHEMA_VERSION) {
    throw new XsError(
      "internal",
      `${path} has format ${version}, and this xs knows formats up to ${SCHEMA_VERSION}; use a newer xs`,
    );
  }
  return version;
}

function migrate(db: Database, path: string): void {
  const version = checkVersion(db, path);
  if (version === SCHEMA_VERSION) return;
  db.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) db.run(step);
    db.run(`PRAGMA application_id = ${APPLICATION_ID}`);
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  }).exclusive();
}
