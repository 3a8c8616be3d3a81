// The frame table: rows in and out, each under its position and in the index of every path that leads to it.
import type { Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import type { Frame } from "../frame/frame.ts";
import { ID_MIN, type Id, timeOf } from "../frame/id.ts";
import type { Topic } from "../frame/topic.ts";
import { expiresAt } from "../frame/ttl.ts";
import { Paths } from "./paths.ts";
import { naturalPosition, seek } from "./position.ts";

// So many rows go in with one statement. Measured: two thirds of the time that as many statements take.
const ROWS_AT_ONCE = 32;

// Later ids would hold up the clock of the whole store, for every new id lies above them.
const IMPORT_FUTURE_MS_MAX = 60_000;

/** A frame as it goes into the table, with what only the store knows of it. */
export type NewRow = {
  readonly frame: Frame;
  /** Its JSON. */
  readonly line: string;
  readonly contentId: number | null;
  /** Set on a frame below the tail that followers have not seen; see store/reader.ts. */
  readonly arrival: number | null;
};

/** The newest id and position that were ever given: the floor for the next ones. */
export type Tail = { id: Id; pos: number };

type Placed = { pos: number; id: Id };

/** CRC-32 of a frame's line: what the column `sum` holds. */
export const sumOf = (line: string): number => Bun.hash.crc32(line);

/** Throws `invalid` for a frame that no import may bring. */
export function checkMayBeImported({ id, ttl }: Frame, nowMs: number): void {
  if (ttl?.kind === "ephemeral")
    throw new XsError("invalid", `frame ${id} is ephemeral, and such frames are never stored`);
  if (timeOf(id) <= nowMs + IMPORT_FUTURE_MS_MAX) return;
  const ahead = new Date(timeOf(id)).toISOString();
  throw new XsError("invalid", `id ${id} is from the future (${ahead}): every new id would have to lie above it`);
}

/** Rows of the frame table. Every method that writes belongs inside the writer's transaction. */
export class Frames {
  readonly tail: Tail;
  readonly paths: Paths;
  // Rows of the running transaction that have nothing but a line, kept back so that many go in with one statement.
  #plainRows: (number | string)[] = [];
  // Index entries of the running transaction, kept back so that they go in sorted by path: one touch a page, not one a frame.
  readonly #unindexed = new Map<number, number[]>();
  readonly #sql;

  constructor(db: Database) {
    this.paths = new Paths(db);
    this.#sql = {
      insert: db.prepare<null, [number, string, number, number | null, number | null, number | null, number | null]>(
        "INSERT INTO frame (pos, line, sum, expires, content_id, arrival, keep) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ),
      // What most frames need: each bound parameter costs, also a NULL.
      insertPlain: db.prepare<null, [number, string, number]>("INSERT INTO frame (pos, line, sum) VALUES (?, ?, ?)"),
      insertWithContent: db.prepare<null, [number, string, number, number]>(
        "INSERT INTO frame (pos, line, sum, content_id) VALUES (?, ?, ?, ?)",
      ),
      insertMany: db.prepare<null, (number | string)[]>(
        `INSERT INTO frame (pos, line, sum) VALUES ${Array(ROWS_AT_ONCE).fill("(?, ?, ?)").join(", ")}`,
      ),
      index: db.prepare<null, [number, number]>("INSERT INTO path_frame (path_id, pos) VALUES (?, ?)"),
      indexMany: db.prepare<null, [number, string]>(
        "INSERT INTO path_frame (path_id, pos) SELECT ?, value FROM json_each(?)",
      ),
      unindex: db.prepare<null, [number, number]>("DELETE FROM path_frame WHERE path_id = ? AND pos = ?"),
      reindex: db.prepare<null, [number, number]>("UPDATE path_frame SET pos = pos + 1 WHERE path_id = ? AND pos = ?"),
      move: db.prepare<null, [number]>("UPDATE frame SET pos = pos + 1 WHERE pos = ?"),
      delete: db.prepare<null, [number]>("DELETE FROM frame WHERE pos = ?"),
      probe: db.prepare<Placed, [number]>("SELECT pos, id FROM frame WHERE pos >= ? ORDER BY pos LIMIT 1"),
      before: db.prepare<Placed, [number]>("SELECT pos, id FROM frame WHERE pos < ? ORDER BY pos DESC LIMIT 1"),
      row: db.prepare<{ line: string; topic: Topic; content_id: number | null; expires: number | null }, [number]>(
        "SELECT line, topic, content_id, expires FROM frame WHERE pos = ?",
      ),
      mark: db.prepare<{ value: string }, [string]>("SELECT value FROM mark WHERE name = ?"),
      setMark: db.prepare<null, [string, string]>("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)"),
    };
    const newest = this.#sql.before.get(Number.MAX_SAFE_INTEGER);
    const given = (this.#sql.mark.get("last_id")?.value ?? ID_MIN) as Id;
    this.tail = {
      id: newest !== null && newest.id > given ? newest.id : given,
      pos: newest?.pos ?? naturalPosition(ID_MIN),
    };
  }

  /** Notes in the database that this id was given, for ids whose frame is not, or no longer, there to say so. */
  noteId(id: Id): void {
    // A note made ahead (for ephemeral frames) covers more ids than this one, and stays.
    if (id > (this.#sql.mark.get("last_id")?.value ?? ID_MIN)) this.#sql.setMark.run("last_id", id);
  }

  /** Notes the newest id in place of what was noted ahead: for an orderly end. */
  noteTail(): void {
    this.#sql.setMark.run("last_id", this.tail.id);
  }

  /** Adds a frame whose id lies above every other: the path of each append. */
  append(row: NewRow): void {
    const pos = Math.max(naturalPosition(row.frame.id), this.tail.pos + 1);
    this.#insert(pos, row);
    this.tail.pos = pos;
    this.tail.id = row.frame.id;
  }

  /**
   * Adds frames in order of id wherever their ids belong; those that are there already are passed over. Answers the ones
   * that are new. Throws `conflict` for an id that is taken by another frame.
   */
  merge(rows: readonly NewRow[]): NewRow[] {
    const added: NewRow[] = [];
    let previous: Placed | null = null;
    let next: Placed | null = null;
    let known = false;
    for (const row of rows) {
      const { id } = row.frame;
      if (id > this.tail.id) {
        this.append(row);
        added.push(row);
        known = false;
        continue;
      }
      // Between two neighbours that are known, a run of new frames needs no search.
      if (!known || (next !== null && id >= next.id)) {
        this.#flushRows();
        const at = this.#seek(id);
        next = this.#sql.probe.get(at);
        previous = this.#sql.before.get(at);
        known = true;
      }
      // The one before may be of this very import, which may name an id twice.
      const same = next?.id === id ? next : previous?.id === id ? previous : null;
      if (same !== null) {
        this.#flushRows();
        if (this.#sql.row.get(same.pos)?.line !== row.line)
          throw new XsError("conflict", `id ${id} is taken by another frame`);
        continue;
      }
      const pos = Math.max(naturalPosition(id), (previous?.pos ?? Number.MIN_SAFE_INTEGER) + 1);
      if (next !== null && pos >= next.pos) {
        this.#makeRoom(next.pos);
        next = { ...next, pos: next.pos + 1 };
      }
      this.#insert(pos, row);
      this.tail.pos = Math.max(this.tail.pos, pos);
      previous = { pos, id };
      added.push(row);
    }
    return added;
  }

  /** Removes the frame at a position and answers its row; null when none stands there. */
  removeAt(pos: number): { topic: Topic; contentId: number | null } | null {
    const row = this.#sql.row.get(pos);
    if (row === null) return null;
    this.#sql.delete.run(pos);
    for (const pathId of this.paths.idsOf(row.topic)) this.#sql.unindex.run(pathId, pos);
    return { topic: row.topic, contentId: row.content_id };
  }

  /** Writes the rows and index entries that were kept back: at the end of a transaction, and before anything reads them. */
  flush(): void {
    this.#flushRows();
    for (const pathId of [...this.#unindexed.keys()].sort((a, b) => a - b)) {
      const entries = this.#unindexed.get(pathId) ?? [];
      // One call for all of a path's entries: a call for each would cost more than the entry.
      if (entries.length === 1) this.#sql.index.run(pathId, entries[0] ?? 0);
      else this.#sql.indexMany.run(pathId, `[${entries.join(",")}]`);
    }
    this.#unindexed.clear();
  }

  #flushRows(): void {
    const rows = this.#plainRows;
    for (let at = 0; at < rows.length; at += 3) {
      this.#sql.insertPlain.run(rows[at] as number, rows[at + 1] as string, rows[at + 2] as number);
    }
    this.#plainRows = [];
  }

  /** Forgets what a transaction that failed had begun. */
  rollback(tail: Tail): void {
    Object.assign(this.tail, tail);
    this.#plainRows = [];
    this.#unindexed.clear();
    this.paths.rollback();
  }

  /** The position at an id (`inclusive`) or right behind it, whether a frame stands there or not. */
  positionOf(id: Id, inclusive: boolean): number {
    const at = this.#seek(id);
    const found = inclusive ? null : this.#sql.probe.get(at);
    return found?.id === id ? found.pos + 1 : at;
  }

  /** The position of the frame with this id; null when there is none. */
  find(id: Id): number | null {
    const found = this.#sql.probe.get(this.#seek(id));
    return found?.id === id ? found.pos : null;
  }

  /** The id of the first frame at a position or above. */
  idAt(pos: number): Id | null {
    return this.#sql.probe.get(pos)?.id ?? null;
  }

  /** The line of the frame at a position; null when there is none or its time is over. */
  lineAt(pos: number, nowMs: number): string | null {
    const row = this.#sql.row.get(pos);
    return row === null || (row.expires !== null && row.expires <= nowMs) ? null : row.line;
  }

  #seek(id: Id): number {
    return seek((pos) => this.#sql.probe.get(pos), id);
  }

  #insert(pos: number, row: NewRow): void {
    const { line } = row;
    const { id, topic, ttl } = row.frame;
    const keep = ttl?.kind === "last" ? ttl.count : null;
    const expires = expiresAt(id, ttl);
    const isPlain = keep === null && expires === null && row.arrival === null;
    if (isPlain && row.contentId !== null) {
      this.#sql.insertWithContent.run(pos, line, sumOf(line), row.contentId);
    } else if (isPlain) {
      this.#plainRows.push(pos, line, sumOf(line));
      if (this.#plainRows.length === 3 * ROWS_AT_ONCE) this.#sql.insertMany.run(...this.#plainRows.splice(0));
    } else {
      this.#sql.insert.run(pos, line, sumOf(line), expires, row.contentId, row.arrival, keep);
    }
    for (const pathId of this.paths.idsFor(topic)) {
      const entries = this.#unindexed.get(pathId);
      if (entries) entries.push(pos);
      else this.#unindexed.set(pathId, [pos]);
    }
  }

  // Pushes the frames that stand at `pos` and right behind it up by one, last first.
  #makeRoom(pos: number): void {
    this.flush();
    let end = pos;
    while (this.#sql.probe.get(end + 1)?.pos === end + 1) end++;
    for (let at = end; at >= pos; at--) {
      const topic = this.#sql.row.get(at)?.topic;
      this.#sql.move.run(at);
      if (topic === undefined) continue;
      for (const pathId of this.paths.idsOf(topic)) this.#sql.reindex.run(pathId, at);
    }
    this.tail.pos = Math.max(this.tail.pos, end + 1);
  }
}
