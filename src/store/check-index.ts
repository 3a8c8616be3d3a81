// Checks of the index of paths, and of what `last:n` keeps.
import type { Database } from "bun:sqlite";
import type { Topic } from "../frame/topic.ts";
import { type Finding, REPAIR } from "./finding.ts";
import { pathNamesOf } from "./paths.ts";
import { Disorder } from "./walk.ts";

// Path ids that are looked up again and again; a store may have any number of topics, so the memory of them is bounded.
const PATHS_KEPT_MAX = 10_000;
const PAGE_ROWS = 1_000;

/** An order-independent sum over index entries, 64 bits wide: two sets that differ have the same by an odd chance only. */
class Fingerprint {
  count = 0;
  #low = 0;
  #high = 0;

  add(pathId: number, pos: number): void {
    this.count++;
    const posLow = pos | 0;
    const posHigh = Math.floor(pos / 2 ** 32) | 0;
    const first = mix(mix(mix(pathId | 0) ^ posLow) ^ posHigh);
    this.#low = (this.#low + first) >>> 0;
    this.#high = (this.#high + mix(first ^ posLow)) >>> 0;
  }

  equals(other: Fingerprint): boolean {
    return this.count === other.count && this.#low === other.#low && this.#high === other.#high;
  }
}

// The finalizer of MurmurHash3: each bit of the input turns half of the output.
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * Compares the index with the frames. Looking each entry up costs a page a topic a frame; so all are summed first, in the
 * order in which they lie, and looked up only where the sums differ.
 */
export class IndexCheck {
  readonly #sql;
  readonly #pathIds = new Map<string, number | null>();
  readonly #expected = new Fingerprint();

  constructor(db: Database) {
    this.#sql = {
      path: db.prepare<{ path_id: number }, [string]>("SELECT path_id FROM path WHERE name = ?"),
      has: db.prepare<{ n: number }, [number, number]>("SELECT 1 AS n FROM path_frame WHERE path_id = ? AND pos = ?"),
      entries: db.prepare<{ path_id: number; pos: number }, [number, number]>(
        `SELECT path_id, pos FROM path_frame WHERE (path_id, pos) > (?, ?) ORDER BY path_id, pos LIMIT ${PAGE_ROWS}`,
      ),
      owners: db.prepare<Entry, [number, number]>(
        `SELECT p.path_id AS path_id, p.pos AS pos, name, topic
         FROM (SELECT path_id, pos FROM path_frame WHERE (path_id, pos) > (?, ?) ORDER BY path_id, pos LIMIT ${PAGE_ROWS}) AS p
         LEFT JOIN path ON path.path_id = p.path_id LEFT JOIN frame AS f ON f.pos = p.pos ORDER BY p.path_id, p.pos`,
      ),
    };
  }

  /** Takes note of a frame. */
  add(topic: Topic, pos: number): void {
    // Under a name without an id the frame cannot be found: then the counts differ.
    for (const name of pathNamesOf(topic)) this.#expected.add(this.#pathId(name) ?? -1, pos);
  }

  /** Whether the index has just the frames that were added, each where it belongs. */
  agrees(): boolean {
    const found = new Fingerprint();
    for (const rows of inOrder((pathId, pos) => this.#sql.entries.all(pathId, pos))) {
      for (const { path_id: pathId, pos } of rows) found.add(pathId, pos);
    }
    return found.equals(this.#expected);
  }

  /** The names under which a frame is not found. */
  *missing({ topic, id, pos }: { topic: Topic; id: string; pos: number }): Generator<Finding> {
    for (const name of pathNamesOf(topic)) {
      const pathId = this.#pathId(name);
      if (pathId !== null && this.#sql.has.get(pathId, pos) !== null) continue;
      yield { fault: "index_missing", message: `frame ${id} is not found under ${name}`, action: REPAIR, id, topic };
    }
  }

  /** Entries that lead nowhere or to a frame of another topic; those of frames whose line is damaged are let stand. */
  *dangling(damaged: ReadonlySet<number>): Generator<Finding> {
    for (const rows of inOrder((pathId, pos) => this.#sql.owners.all(pathId, pos))) {
      for (const { path_id: pathId, pos, name, topic } of rows) {
        if (damaged.has(pos)) continue;
        if (name !== null && topic !== null && pathNamesOf(topic).includes(name)) continue;
        const under = name ?? `path ${pathId}, which has no name,`;
        const what = topic === null ? "no frame is" : `a frame of ${topic} is`;
        const message = `under ${under} position ${pos} is listed, where ${what}`;
        yield { fault: "index_dangling", message, action: REPAIR };
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

type Entry = { path_id: number; pos: number; name: string | null; topic: Topic | null };

function* inOrder<T extends { path_id: number; pos: number }>(
  next: (pathId: number, pos: number) => T[],
): Generator<T[]> {
  let [pathId, pos] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let rows = next(pathId, pos); rows.length > 0; rows = next(pathId, pos)) {
    for (const row of rows) {
      if (!(row.path_id > pathId || (row.path_id === pathId && row.pos > pos)))
        throw new Disorder(`position ${row.pos} of path ${row.path_id} comes after ${pos} of ${pathId}`);
      [pathId, pos] = [row.path_id, row.pos];
    }
    yield rows;
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
