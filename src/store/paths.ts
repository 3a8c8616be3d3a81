// Paths: what a reader can ask for, a topic ("a.b") or all below one ("a.*"), each under a number of its own.
import type { Database } from "bun:sqlite";
import { ancestorsOf, type Topic } from "../frame/topic.ts";

// Numbers that are looked up again and again; a store may have any number of topics, so the memory of them is bounded.
const PATHS_KEPT_MAX = 10_000;

/** A path that no frame is under. */
export type EmptyPath = { readonly path_id: number; readonly name: string };

/** The names under which readers find a topic: itself, and `a.*` for each of its ancestors. */
export const pathNamesOf = (topic: Topic): string[] => [
  topic,
  ...ancestorsOf(topic).map((ancestor) => `${ancestor}.*`),
];

/** The path table. Every method that writes belongs inside the writer's transaction. */
export class Paths {
  readonly #ids = new Map<string, number>();
  readonly #idsOfTopic = new Map<Topic, readonly number[]>();
  readonly #sql;

  constructor(db: Database) {
    this.#sql = {
      id: db.prepare<{ path_id: number }, [string]>("SELECT path_id FROM path WHERE name = ?"),
      add: db.prepare<{ path_id: number }, [string]>("INSERT INTO path (name) VALUES (?) RETURNING path_id"),
      empty: db.prepare<EmptyPath & { isEmpty: number }, [number, number]>(
        `SELECT path_id, name, NOT EXISTS (SELECT 1 FROM path_frame AS p WHERE p.path_id = path.path_id) AS isEmpty
         FROM path WHERE path_id > ? ORDER BY path_id LIMIT ?`,
      ),
      delete: db.prepare<null, [number]>("DELETE FROM path WHERE path_id = ?"),
    };
  }

  /** The id of the path with this name; null when no frame was ever stored under it. */
  idOf(name: string): number | null {
    const kept = this.#ids.get(name);
    if (kept !== undefined) return kept;
    const pathId = this.#sql.id.get(name)?.path_id ?? null;
    if (pathId !== null) this.#keep(name, pathId);
    return pathId;
  }

  /** The ids of the paths that lead to a topic, each made if it is not there. */
  idsFor(topic: Topic): readonly number[] {
    const known = this.#idsOfTopic.get(topic);
    if (known !== undefined) return known;
    const pathIds = pathNamesOf(topic).map((name) => this.idOf(name) ?? this.#add(name));
    if (this.#idsOfTopic.size >= PATHS_KEPT_MAX) this.#idsOfTopic.clear();
    this.#idsOfTopic.set(topic, pathIds);
    return pathIds;
  }

  /** The ids of those paths that lead to a topic and are there. */
  idsOf(topic: Topic): number[] {
    return pathNamesOf(topic)
      .map((name) => this.idOf(name))
      .filter((pathId) => pathId !== null);
  }

  /** Among the next `countMax` paths behind `afterId`, those that no frame is under any more; `nextId` is null at the end. */
  empty(afterId: number, countMax: number): { nextId: number | null; empty: EmptyPath[] } {
    const rows = this.#sql.empty.all(afterId, countMax);
    return {
      nextId: rows.length < countMax ? null : (rows.at(-1)?.path_id ?? null),
      empty: rows.filter((row) => row.isEmpty),
    };
  }

  /** Forgets a path that no frame is under. */
  remove({ path_id: pathId, name }: EmptyPath): void {
    this.#sql.delete.run(pathId);
    this.#ids.delete(name);
    // Whatever topics had led here: an id that is kept for a path that is gone would lose frames their index.
    this.#idsOfTopic.clear();
  }

  /** Forgets what a transaction that failed had begun. */
  rollback(): void {
    this.#ids.clear();
    this.#idsOfTopic.clear();
  }

  #add(name: string): number {
    const pathId = this.#sql.add.get(name)?.path_id;
    if (pathId === undefined) throw new Error(`the path ${name} could not be added`);
    this.#keep(name, pathId);
    return pathId;
  }

  #keep(name: string, pathId: number): void {
    if (this.#ids.size >= PATHS_KEPT_MAX) this.#ids.clear();
    this.#ids.set(name, pathId);
  }
}
