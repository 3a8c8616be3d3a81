// Checks of the database file as such: its header, its schema, SQLite's own integrity check, and the marks.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { Database } from "bun:sqlite";
import { parseId } from "../frame/id.ts";
import { type Finding, REPAIR, RESTORE } from "./finding.ts";
import { databasePath, expectedSchema, SCHEMA_VERSION, schemaOf, versionOf } from "./schema.ts";

// More lines of one integrity check tell nobody more.
const PROBLEMS_MAX = 100;
// https://www.sqlite.org/fileformat2.html#the_database_header
const HEADER_BYTES = 100;
const PAGE_BYTES = 4096;
// What every header of ours says. Some of it SQLite passes over when it opens a file, and stumbles over later.
const FIXED: readonly { readonly at: number; readonly bytes: readonly number[]; readonly what: string }[] = [
  { at: 0, bytes: [...Buffer.from("SQLite format 3\0")], what: "its magic bytes" },
  { at: 16, bytes: [0x10, 0x00], what: "its page size" },
  { at: 20, bytes: [0, 64, 32, 32], what: "its payload fractions" },
  { at: 44, bytes: [0, 0, 0, 4], what: "its schema format" },
  { at: 52, bytes: [0, 0, 0, 0, 0, 0, 0, 1], what: "its vacuum mode or text encoding" },
  { at: 64, bytes: [0, 0, 0, 0], what: "its vacuum mode" },
  { at: 72, bytes: Array.from({ length: 20 }, () => 0), what: "its reserved bytes" },
];
// Write and read version: 2 for a store that was served, 1 for a backup that never was.
const JOURNAL_MODES: ReadonlySet<number> = new Set([1, 2]);

/**
 * Faults in the header of the database file. Reads the file by itself, which would cost a process that has the database
 * open its locks: call it before anything else, and never inside a server.
 */
export function* checkHeader(dir: string): Generator<Finding> {
  const path = databasePath(dir);
  const header = Buffer.alloc(HEADER_BYTES);
  const file = openSync(path, "r");
  const length = readSync(file, header, 0, HEADER_BYTES, 0);
  closeSync(file);
  const fault = (what: string): Finding => ({
    fault: "database_header",
    message: `the header of ${path} is damaged: ${what} cannot be right`,
    action: RESTORE,
    path,
  });
  if (length < HEADER_BYTES) yield fault("its length");
  for (const { at, bytes, what } of FIXED) {
    if (!header.subarray(at, at + bytes.length).equals(Buffer.from(bytes))) yield fault(what);
  }
  const [write = 0, read = 0] = header.subarray(18, 20);
  if (write !== read || !JOURNAL_MODES.has(write)) yield fault("its journal mode");
  const [changes, pages, validFor] = [24, 28, 92].map((at) => header.readUInt32BE(at));
  if (changes !== validFor) yield fault("its change counter");
  // While there is a log, pages wait in it that the file does not have yet.
  const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (!hasLog && pages !== statSync(path).size / PAGE_BYTES) yield fault("its number of pages");
}

/** Faults that SQLite finds, in the schema, or in the marks. */
export function* checkDatabase(db: Database): Generator<Finding> {
  yield* checkSchema(db);
  const problems = db
    .query<{ integrity_check: string }, []>(`PRAGMA integrity_check(${PROBLEMS_MAX})`)
    .all()
    .map((row) => row.integrity_check);
  for (const problem of problems) {
    if (problem === "ok") continue;
    yield {
      fault: "database_integrity",
      message: `the database is damaged: ${problem.replaceAll("\n", "; ")}`,
      action: `${REPAIR}; if it stays, ${RESTORE}`,
    };
  }
  for (const { name, value } of db.query<{ name: string; value: string }, []>("SELECT name, value FROM mark").all()) {
    if (name === "last_id" && !isId(value)) {
      yield {
        fault: "mark_invalid",
        message: `the note of the last id, ${JSON.stringify(value)}, is no id`,
        action: REPAIR,
      };
    }
  }
}

function* checkSchema(db: Database): Generator<Finding> {
  const fault = (message: string, action = RESTORE): Finding => ({ fault: "database_schema", message, action });
  const version = versionOf(db);
  if (version < SCHEMA_VERSION) {
    yield fault(
      `the store has format ${version}, and this xs checks format ${SCHEMA_VERSION}`,
      "serve it once, then check again",
    );
    return;
  }
  const missing = new Map(expectedSchema().map((row) => [row.name, row]));
  for (const row of schemaOf(db)) {
    const expected = missing.get(row.name);
    if (expected === undefined) yield fault(`the database has ${JSON.stringify(row.name)}, which is not of a store`);
    else if (!Bun.deepEquals(row, expected)) yield fault(`the definition of ${row.name} is not the one of a store`);
    missing.delete(row.name);
  }
  for (const { type, name } of missing.values())
    yield fault(`the database has no ${type} ${name}`, type === "index" ? REPAIR : RESTORE);
}

function isId(text: string): boolean {
  try {
    return parseId(text) === text;
  } catch {
    return false;
  }
}
