// The repair of a store at rest: only what loses nothing, each step told. What it cannot mend, the next check names.
import { existsSync, statSync } from "node:fs";
import { type Database, SQLiteError } from "bun:sqlite";
import { XsError } from "../error.ts";
import { expiresAt } from "../frame/ttl.ts";
import { refuseNoStore } from "./check.ts";
import { frameRows, soundFrame, topicOf } from "./check-frames.ts";
import { IndexCheck } from "./check-index.ts";
import { pathNamesOf } from "./paths.ts";
import { lockStore } from "./lock.ts";
import { ContentRepair } from "./repair-content.ts";
import { closeDatabase, databasePath, expectedSchema, openDatabase, schemaOf } from "./schema.ts";
import { Disorder } from "./walk.ts";

/** Told for each thing that was done, as a sentence. */
export type Say = (done: string) => void;

/** Mends what can be mended without a loss. Throws `conflict` while a server runs, `not_found` where there is no store. */
export async function repairStore(dir: string, say: Say): Promise<void> {
  refuseNoStore(dir);
  // An empty or missing database must not be replaced by a new one: the check tells what to do.
  const path = databasePath(dir);
  if (!existsSync(path) || statSync(path).size === 0) return;
  const unlock = lockStore(dir);
  try {
    const db = openOrNull(dir);
    if (db === null) return;
    try {
      await repairAll(dir, db, say);
    } finally {
      closeDatabase(db);
    }
  } finally {
    unlock();
  }
}

function openOrNull(dir: string): Database | null {
  try {
    return openDatabase(dir);
  } catch (error) {
    if (error instanceof SQLiteError || error instanceof XsError) return null;
    throw error;
  }
}

async function repairAll(dir: string, db: Database, say: Say): Promise<void> {
  const content = new ContentRepair(dir, db, say);
  await step(say, "the schema", () => addIndexes(db, say));
  await step(say, "the indexes", () => rebuildIndexes(db, say));
  await step(say, "the contents", () => content.mendRows());
  let damaged = Number.POSITIVE_INFINITY;
  await step(say, "the frames", async () => void (damaged = await mendFrames(db, content, say)));
  await step(say, "the index of topics", () => rebuildPaths(db, say));
  await step(say, "the note of the last id", () => mendMark(db, say));
  await step(say, "the files", async () => {
    await content.quarantine();
    await content.removeTemporary();
    // A frame that cannot be read may need any of them.
    if (damaged === 0) await content.removeOrphans();
    else say("content that no frame refers to is left alone, for there are damaged frames that may have");
  });
}

// A step that the damage stops must not keep the others from what they can do.
async function step(say: Say, what: string, act: () => void | Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof SQLiteError) && !(error instanceof Disorder)) throw error;
    say(`${what} could not be mended: ${error.message}`);
  }
}

function addIndexes(db: Database, say: Say): void {
  const there = new Set(schemaOf(db).map(({ name }) => name));
  for (const { type, name, sql } of expectedSchema()) {
    if (type !== "index" || sql === null || there.has(name)) continue;
    db.run(sql);
    say(`added the index ${name}`);
  }
}

const isWhole = (db: Database): boolean =>
  db.query<{ integrity_check: string }, []>("PRAGMA integrity_check(1)").get()?.integrity_check === "ok";

function rebuildIndexes(db: Database, say: Say): void {
  if (isWhole(db)) return;
  db.run("REINDEX");
  say("rebuilt the indexes of the database");
}

function rebuildPaths(db: Database, say: Say): void {
  if (isWhole(db) && arePathsRight(db)) return;
  db.transaction(() => {
    const sqlOf = new Map(expectedSchema().map(({ name, sql }) => [name, sql]));
    for (const table of ["path_frame", "path"]) {
      db.run(`DROP TABLE ${table}`);
      db.run(sqlOf.get(table) ?? "");
    }
    const pathId = db.prepare<{ path_id: number }, [string]>("SELECT path_id FROM path WHERE name = ?");
    const addPath = db.prepare<null, [string]>("INSERT INTO path (name) VALUES (?)");
    const add = db.prepare<null, [number, number]>("INSERT INTO path_frame (path_id, pos) VALUES (?, ?)");
    for (const rows of frameRows(db)) {
      for (const row of rows) {
        const topic = topicOf(row);
        for (const name of topic === null ? [] : pathNamesOf(topic)) {
          const known = pathId.get(name)?.path_id;
          if (known === undefined) addPath.run(name);
          const id = known ?? pathId.get(name)?.path_id;
          if (id !== undefined) add.run(id, row.pos);
        }
      }
    }
  }).immediate();
  say("rebuilt the index of topics");
}

function arePathsRight(db: Database): boolean {
  const index = new IndexCheck(db);
  for (const rows of frameRows(db)) {
    for (const row of rows) {
      const topic = topicOf(row);
      if (topic !== null) index.add(topic, row.pos);
    }
  }
  return index.agrees();
}

// Sets right the columns that follow from a line which is sound. Answers how many lines are not.
async function mendFrames(db: Database, content: ContentRepair, say: Say): Promise<number> {
  const update = db.prepare<null, [number | null, number | null, number | null, number]>(
    "UPDATE frame SET expires = ?, keep = ?, content_id = ? WHERE pos = ?",
  );
  let damaged = 0;
  for (const rows of frameRows(db)) {
    for (const row of rows) {
      const frame = soundFrame(row);
      if (frame === null) {
        damaged++;
        continue;
      }
      const { id, hash, ttl } = frame;
      const expires = expiresAt(id, ttl);
      const keep = ttl?.kind === "last" ? ttl.count : null;
      // Content that is nowhere stays noted as it is: the check names it.
      const contentId = hash === null ? null : ((await content.find(hash)) ?? row.content_id);
      if (expires === row.expires && keep === row.keep && contentId === row.content_id) continue;
      update.run(expires, keep, contentId, row.pos);
      say(`set right what is noted of frame ${id}`);
    }
  }
  return damaged;
}

function mendMark(db: Database, say: Say): void {
  const newest = db.query<{ id: string }, []>("SELECT id FROM frame ORDER BY pos DESC LIMIT 1").get()?.id;
  const noted = db.query<{ value: string }, []>("SELECT value FROM mark WHERE name = 'last_id'").get()?.value;
  if (noted === undefined || /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(noted)) return;
  if (newest === undefined) db.run("DELETE FROM mark WHERE name = 'last_id'");
  else db.prepare<null, [string]>("UPDATE mark SET value = ? WHERE name = 'last_id'").run(newest);
  say("set right the note of the last id");
}
