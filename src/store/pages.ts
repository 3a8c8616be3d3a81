// History in pages: the frames that a filter wants, joined to NDJSON inside SQLite, from any cursor on.
import type { Database, Statement } from "bun:sqlite";
import type { Id } from "../frame/id.ts";
import type { Topic, TopicFilter } from "../frame/topic.ts";
import type { Frames } from "./frames.ts";

// A page is held in memory once a reader: as many rows as make about 256 KiB, judged by the page before.
const PAGE_BYTES_AIM = 256 * 1024;
const PAGE_FRAMES_MAX = 4_096;
const PAGE_FRAMES_FIRST = 128;
// Arrivals are read one by one in JavaScript, so that a page of them is smaller.
const ARRIVALS_MAX = 256;

/** A place between frames: behind an id, or (`inclusive`) right before it. */
export type Cursor = { readonly id: Id; readonly inclusive: boolean };

/** Some frames in order of id as NDJSON, each line ended. */
export type Page = { readonly bytes: Uint8Array; readonly count: number; readonly lastId: Id };

/** An imported frame that came to lie below the tail; `arrival` counts these in the order in which they came. */
export type Arrival = { readonly line: string; readonly id: Id; readonly topic: Topic; readonly arrival: number };

type Bindings = (number | null)[];
type PageRow = { bytes: Uint8Array | null; count: number; last: number | null };

/** How many rows to ask for after this page, so that pages keep their size in bytes whatever the size of a frame. */
export function rowsAfter(page: Page | null): number {
  if (page === null) return PAGE_FRAMES_FIRST;
  return Math.max(1, Math.min(PAGE_FRAMES_MAX, Math.floor((PAGE_BYTES_AIM * page.count) / page.bytes.length)));
}

/** Reads pages of the frame table; each call costs what it answers. */
export class Pages {
  readonly #db: Database;
  readonly #frames: Frames;
  // By number of patterns in the filter, which frame/topic.ts bounds.
  readonly #pageStatements = new Map<number, Statement<PageRow, Bindings>>();
  readonly #lastStatements = new Map<number, Statement<{ pos: number }, Bindings>>();
  readonly #arrivals;

  constructor(db: Database, frames: Frames) {
    this.#db = db;
    this.#frames = frames;
    this.#arrivals = db.prepare<Arrival, Bindings>(
      `SELECT line, id, topic, arrival FROM frame
       WHERE arrival > ? AND pos < ? AND (expires IS NULL OR expires > ?) ORDER BY arrival, pos LIMIT ${ARRIVALS_MAX}`,
    );
  }

  /** The highest arrival number in the store; 0 when nothing was imported below the tail. */
  highestArrival(): number {
    const row = this.#db
      .query<{ n: number | null }, []>("SELECT max(arrival) AS n FROM frame WHERE arrival IS NOT NULL")
      .get();
    return row?.n ?? 0;
  }

  /** Some of the frames that arrived after arrival number `since` and lie before the cursor, in order of arrival. */
  arrivals(since: number, cursor: Cursor, nowMs: number): Arrival[] {
    return this.#arrivals.all(since, this.#positionOf(cursor), nowMs);
  }

  /** The next frames from the cursor on, at most `rows`, up to and with `endId`; null when there is none. */
  next(filter: TopicFilter, cursor: Cursor, endId: Id | null, rows: number, nowMs: number): Page | null {
    const paths = this.#pathsOf(filter);
    if (paths?.length === 0 || rows <= 0) return null;
    const end = endId === null ? Number.MAX_SAFE_INTEGER : this.#frames.positionOf(endId, false);
    const statement = kept(this.#pageStatements, paths?.length ?? 0, (n) => this.#db.prepare(pageSql(n)));
    const row = statement.get(this.#positionOf(cursor), end, nowMs, Math.min(rows, PAGE_FRAMES_MAX), ...(paths ?? []));
    const lastId = row?.last == null ? null : this.#frames.idAt(row.last);
    return row?.bytes && lastId !== null ? { bytes: row.bytes, count: row.count, lastId } : null;
  }

  /** The cursor right before the `count` newest frames up to `endId` that lie from `cursor` on; `cursor` when there are fewer. */
  beforeLast(filter: TopicFilter, cursor: Cursor, endId: Id, count: number, nowMs: number): Cursor {
    if (count === 0) return { id: endId, inclusive: false };
    const paths = this.#pathsOf(filter);
    if (paths?.length === 0) return cursor;
    const statement = kept(this.#lastStatements, paths?.length ?? 0, (n) => this.#db.prepare(lastSql(n)));
    const end = this.#frames.positionOf(endId, false);
    const row = statement.get(this.#positionOf(cursor), end, nowMs, count - 1, ...(paths ?? []));
    const id = row ? this.#frames.idAt(row.pos) : null;
    return id === null ? cursor : { id, inclusive: true };
  }

  #positionOf(cursor: Cursor): number {
    return this.#frames.positionOf(cursor.id, cursor.inclusive);
  }

  /** The ids of the paths that a filter names and that have ever had a frame; null for all frames. */
  #pathsOf(filter: TopicFilter): number[] | null {
    if (filter === "all") return null;
    return filter
      .map(({ kind, topic }) => this.#frames.paths.idOf(kind === "below" ? `${topic}.*` : topic))
      .filter((pathId) => pathId !== null);
  }
}

function kept<T>(statements: Map<number, T>, key: number, prepare: (key: number) => T): T {
  const statement = statements.get(key) ?? prepare(key);
  statements.set(key, statement);
  return statement;
}

// Parameters: ?1 first position, ?2 position behind the last, ?3 now in ms, ?4 rows (or rows to skip), ?5.. path ids.
const VISIBLE = "(expires IS NULL OR expires > ?3)";

// Several paths are merged by position while they are read: a compound SELECT with an ORDER BY runs as co-routines. Its
// LIMIT -1 keeps SQLite from dropping that ORDER BY as useless inside a join.
function rowsSql(paths: number, columns: string, order: "ASC" | "DESC"): string {
  if (paths === 0) {
    return `SELECT ${columns} FROM frame AS f WHERE pos >= ?1 AND pos < ?2 AND ${VISIBLE} ORDER BY pos ${order}`;
  }
  const range = (n: number): string =>
    `SELECT pos FROM path_frame WHERE path_id = ?${5 + n} AND pos >= ?1 AND pos < ?2`;
  const merged = Array.from({ length: paths }, (_, n) => range(n)).join(" UNION ");
  return `SELECT ${columns} FROM (${merged} ORDER BY pos ${order} LIMIT -1) AS p
    CROSS JOIN frame AS f ON f.pos = p.pos WHERE ${VISIBLE}`;
}

const pageSql = (paths: number): string =>
  `SELECT CAST(group_concat(line, char(10)) || char(10) AS BLOB) AS bytes, count(*) AS count, max(pos) AS last
   FROM (${rowsSql(paths, "f.pos AS pos, f.line AS line", "ASC")} LIMIT ?4)`;

const lastSql = (paths: number): string => `${rowsSql(paths, "f.pos AS pos", "DESC")} LIMIT 1 OFFSET ?4`;
