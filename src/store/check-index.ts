// Checks of the index of paths, and of what `last:n` keeps.
import type { Database } from "bun:sqlite";
import type { Topic } from "../frame/topic.ts";
import { type Finding, REPAIR } from "./finding.ts";
import { pathNamesOf } from "./frames.ts";
import { Disorder } from "./walk.ts";

// Path ids that are looked up again and again; a store may have any number of topics, so the memory of them is bounded.
const PATHS_KEPT_MAX = 10_000;
const PAGE_ROWS = 1_000;

/** Compares the index with the frames: `visit` each frame, then `finish`. */
export class IndexCheck {
  readonly #sql;
  readonly #db: Database;
  readonly #pathIds = new Map<string, number | null>();
  #found = 0;

  constructor(db: Database) {
    this.#db = db;
    this.#sql = {
      path: db.prepare<{ path_id: number }, [string]>("SELECT path_id FROM path WHERE name = ?"),
      has: db.prepare<{ n: number }, [number, number]>("SELECT 1 AS n FROM path_frame WHERE path_id = ? AND pos = ?"),
    };
  }

  /** A frame that is missing under its topic or below one of its ancestors. */
  *visit({ id, topic }: { id: string; topic: Topic }, pos: number): Generator<Finding> {
    for (const name of pathNamesOf(topic)) {
      const pathId = this.#pathId(name);
      if (pathId !== null && this.#sql.has.get(pathId, pos) !== null) {
        this.#found++;
        continue;
      }
      yield { fault: "index_missing", message: `frame ${id} is not found under ${name}`, action: REPAIR, id, topic };
    }
  }

  /** Entries that lead nowhere or to a frame of another topic; those of frames whose line is damaged are let stand. */
  *finish(damaged: ReadonlySet<number>): Generator<Finding> {
    const total = this.#db.query<{ n: number }, []>("SELECT count(*) AS n FROM path_frame").get()?.n ?? 0;
    // All that should be there is there, so as many as that are all.
    if (total === this.#found && damaged.size === 0) return;
    const next = this.#db.prepare<
      { path_id: number; pos: number; name: string | null; topic: Topic | null },
      [number, number]
    >(
      `SELECT p.path_id AS path_id, p.pos AS pos, name, topic
       FROM (SELECT path_id, pos FROM path_frame WHERE (path_id, pos) > (?, ?) ORDER BY path_id, pos LIMIT ${PAGE_ROWS}) AS p
       LEFT JOIN path ON path.path_id = p.path_id LEFT JOIN frame AS f ON f.pos = p.pos ORDER BY p.path_id, p.pos`,
    );
    let [pathId, pos] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let rows = next.all(pathId, pos); rows.length > 0; rows = next.all(pathId, pos)) {
      for (const row of rows) {
        if (!(row.path_id > pathId || row.pos > pos)) throw new Disorder(`path ${row.path_id} comes after ${pathId}`);
        [pathId, pos] = [row.path_id, row.pos];
        if (damaged.has(row.pos)) continue;
        if (row.name !== null && row.topic !== null && pathNamesOf(row.topic).includes(row.name)) continue;
        const under = row.name ?? `path ${row.path_id}, which has no name,`;
        const what = row.topic === null ? "no frame is" : `a frame of ${row.topic} is`;
        yield {
          fault: "index_dangling",
          message: `under ${under} position ${row.pos} is listed, where ${what}`,
          action: REPAIR,
        };
      }
    }
  }

  #pathId(name: string): number | null {
    const kept = this.#pathIds.get(name);
    if (kept !== undefined) return kept;
    const pathId = this.#sql.path.get(name)?.path_id ?? null;
    if (this.#pathIds.size >= PATHS_KEPT_MAX) this.#pathIds.clear();
    this.#pathIds.set(name, pathId);
    return pathId;
  }
}

/** Topics with frames that a `last:n` frame should have removed: it keeps itself and the n - 1 right before it. */
export function* checkLast(db: Database): Generator<Finding> {
  const next = db.prepare<{ topic: Topic; pos: number; keep: number; id: string }, [string, number]>(
    `SELECT topic, pos, keep, id FROM frame WHERE keep IS NOT NULL AND (topic, pos) > (?, ?) ORDER BY topic, pos LIMIT ${PAGE_ROWS}`,
  );
  const count = db.prepare<{ n: number }, [string, number, number]>(
    `SELECT count(*) AS n FROM path_frame
     WHERE path_id = (SELECT path_id FROM path WHERE name = ?) AND pos > ? AND pos <= ?`,
  );
  let [topic, pos, upTo, isTold] = ["", Number.NEGATIVE_INFINITY, 0, false];
  for (let rows = next.all(topic, pos); rows.length > 0; rows = next.all(topic, pos)) {
    for (const row of rows) {
      if (row.topic !== topic) [pos, upTo, isTold] = [Number.NEGATIVE_INFINITY, 0, false];
      else if (!(row.pos > pos)) throw new Disorder(`position ${row.pos} comes after ${pos}`);
      upTo += count.get(row.topic, pos, row.pos)?.n ?? 0;
      [topic, pos] = [row.topic, row.pos];
      if (upTo <= row.keep || isTold) continue;
      isTold = true;
      const extra = upTo - row.keep;
      yield {
        fault: "retention_last",
        message: `topic ${topic} has ${extra} frames more than frame ${row.id} (last:${row.keep}) lets stand`,
        action: `remove its oldest frames (xs remove), or append to it with --ttl last:${row.keep}`,
        id: row.id,
        topic,
      };
    }
  }
}
