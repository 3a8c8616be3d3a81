// Collection: removes content that no frame refers to, never what a frame, a lease, a request or a backup needs.
import type { Database } from "bun:sqlite";
import { type Hash, hashOf } from "../frame/hash.ts";
import type { Cas } from "./cas.ts";

/** Content whose time has come. A cursor over it begins at `FIRST_DUE`. */
export type Due = { readonly due: number; readonly content_id: number };
export const FIRST_DUE: Due = { due: Number.MIN_SAFE_INTEGER, content_id: 0 };

/** What one step collected. `next` is null when nothing more is due; `unlink` removes the files, after the commit. */
export type Collected = {
  readonly count: number;
  readonly bytes: number;
  readonly next: Due | null;
  readonly unlink: () => void;
};

export class Collector {
  readonly #cas: Cas;
  readonly #sql;
  #pins = 0;

  constructor(db: Database, cas: Cas) {
    this.#cas = cas;
    this.#sql = {
      row: db.prepare<{ size: number; digest: Uint8Array; isFile: number }, [number]>(
        "SELECT size, digest, data IS NULL AS isFile FROM content WHERE content_id = ?",
      ),
      delete: db.prepare<null, [number]>("DELETE FROM content WHERE content_id = ?"),
      isReferred: db.prepare<{ n: number }, [number]>("SELECT 1 AS n FROM frame WHERE content_id = ? LIMIT 1"),
      orphan: db.prepare<null, [number, number]>(
        // A lease that was given is kept, whoever else has let go of the same content since.
        "INSERT INTO orphan (content_id, due) VALUES (?, ?) ON CONFLICT DO UPDATE SET due = max(due, excluded.due)",
      ),
      adopt: db.prepare<null, [number]>("DELETE FROM orphan WHERE content_id = ?"),
      due: db.prepare<Due, [number, number, number, number]>(
        "SELECT due, content_id FROM orphan WHERE (due, content_id) > (?, ?) AND due <= ? ORDER BY due, content_id LIMIT ?",
      ),
    };
  }

  /** Keeps all content that is there until the answered function is called: a copy of the frames needs it. */
  pin(): () => void {
    this.#pins++;
    let isPinned = true;
    return () => {
      if (isPinned) this.#pins--;
      isPinned = false;
    };
  }

  /** Whether a copy that is being made holds all content. */
  get isPinned(): boolean {
    return this.#pins > 0;
  }

  /** Says that content without a frame may be collected from `dueMs` on, inside the writer's transaction. */
  leaveUntil(contentId: number, dueMs: number): void {
    if (this.#sql.isReferred.get(contentId) === null) this.#sql.orphan.run(contentId, dueMs);
  }

  /** Whether `collect` would find something to look at. */
  isCollectable(nowMs: number): boolean {
    return !this.isPinned && this.#due(FIRST_DUE, nowMs, 1).length > 0;
  }

  #due(after: Due, nowMs: number, countMax: number): Due[] {
    return this.#sql.due.all(after.due, after.content_id, nowMs, countMax);
  }

  /** Looks at up to `countMax` contents that are due behind `after`, inside the writer's transaction, and collects them. */
  collect(after: Due, nowMs: number, countMax: number): Collected {
    const due = this.isPinned ? [] : this.#due(after, nowMs, countMax);
    const files: Hash[] = [];
    let [count, bytes] = [0, 0];
    for (const { content_id: contentId } of due) {
      const row = this.#sql.row.get(contentId);
      const hash = row && hashOf(row.digest);
      if (hash !== null && this.#cas.isHeld(hash)) continue;
      this.#sql.adopt.run(contentId);
      if (row === null || hash === null || this.#sql.isReferred.get(contentId) !== null) continue;
      this.#sql.delete.run(contentId);
      count++;
      bytes += row.size;
      if (!row.isFile) continue;
      this.#cas.mark(hash);
      files.push(hash);
    }
    const unlink = (): void => files.forEach((hash) => this.#cas.unlink(hash));
    return { count, bytes, next: due.length < countMax ? null : (due.at(-1) ?? null), unlink };
  }

  /** What `collect` would do now, without doing it. */
  survey(after: Due, nowMs: number, countMax: number): Omit<Collected, "unlink"> {
    const due = this.isPinned ? [] : this.#due(after, nowMs, countMax);
    const rows = due.flatMap(({ content_id: contentId }) => {
      const row = this.#sql.row.get(contentId);
      const isFree = row !== null && !this.#cas.isHeld(hashOf(row.digest));
      return isFree && this.#sql.isReferred.get(contentId) === null ? [row] : [];
    });
    const bytes = rows.reduce((sum, { size }) => sum + size, 0);
    return { count: rows.length, bytes, next: due.length < countMax ? null : (due.at(-1) ?? null) };
  }

  /** Whether a content file belongs to nobody: no row needs it, and no request has just brought it. */
  isStray(hash: Hash): boolean {
    if (this.#cas.isHeld(hash)) return false;
    const contentId = this.#cas.idOf(hash);
    return contentId === null || this.#sql.row.get(contentId)?.isFile === 0;
  }
}
