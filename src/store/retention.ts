// Retention: which frames a ttl has ended, and their removal with all that hangs on them.
import type { Database } from "bun:sqlite";
import type { Frame } from "../frame/frame.ts";
import type { Topic } from "../frame/topic.ts";
import type { Cas } from "./cas.ts";
import type { Frames } from "./frames.ts";

// Topics whose number of frames is remembered, so that `last:n` need not count what it keeps at each append.
const COUNTS_KEPT_MAX = 10_000;

/** Removes frames. Every method belongs inside the writer's transaction, after the index has been flushed. */
export class Retention {
  readonly #frames: Frames;
  readonly #cas: Cas;
  readonly #counts = new Map<Topic, number>();
  readonly #sql;

  constructor(db: Database, frames: Frames, cas: Cas) {
    this.#frames = frames;
    this.#cas = cas;
    this.#sql = {
      expired: db.prepare<{ pos: number }, [number, number]>(
        "SELECT pos FROM frame WHERE expires <= ? ORDER BY expires LIMIT ?",
      ),
      expiredOf: db.prepare<{ pos: number }, [number, string]>(
        "SELECT pos FROM frame WHERE expires <= ? AND topic = ?",
      ),
      nextExpiry: db.prepare<{ expires: number }, []>(
        "SELECT expires FROM frame WHERE expires IS NOT NULL ORDER BY expires LIMIT 1",
      ),
      count: db.prepare<{ n: number }, [number, number]>(
        "SELECT count(*) AS n FROM path_frame WHERE path_id = ? AND pos > ?",
      ),
      oldest: db.prepare<{ pos: number }, [number, number]>(
        "SELECT pos FROM path_frame WHERE path_id = ? ORDER BY pos LIMIT ?",
      ),
    };
  }

  /** Tells that these frames were added, so that the numbers that are remembered stay right. */
  added(frames: readonly Frame[]): void {
    for (const { topic } of frames) {
      const count = this.#counts.get(topic);
      if (count !== undefined) this.#counts.set(topic, count + 1);
    }
  }

  /** Forgets the numbers: a transaction that had changed them failed. */
  rollback(): void {
    this.#counts.clear();
  }

  /** Removes what each `last:n` among the frames that were just added, in order of id, no longer lets stand. */
  applyLast(added: readonly Frame[], nowMs: number): void {
    for (const frame of added) {
      if (frame.ttl?.kind !== "last") continue;
      const { topic, ttl } = frame;
      // What is expired no longer counts among the n.
      for (const { pos } of this.#sql.expiredOf.all(nowMs, topic)) this.remove(pos, nowMs);
      const pathId = this.#frames.pathId(topic);
      const pos = this.#frames.find(frame.id);
      if (pathId === null || pos === null) continue;
      const count = this.#counts.get(topic) ?? this.#sql.count.get(pathId, Number.MIN_SAFE_INTEGER)?.n ?? 0;
      this.#keepCount(topic, count);
      const excess = count - ttl.count;
      if (excess <= 0) continue;
      const newer = this.#sql.count.get(pathId, pos)?.n ?? 0;
      if (excess <= newer) continue;
      for (const oldest of this.#sql.oldest.all(pathId, excess - newer)) this.remove(oldest.pos, nowMs);
    }
  }

  /** Removes at most `countMax` frames whose time is over; answers how many it removed. */
  sweep(nowMs: number, countMax: number): number {
    const expired = this.#sql.expired.all(nowMs, countMax);
    for (const { pos } of expired) this.remove(pos, nowMs);
    return expired.length;
  }

  /** The ms since 1970 at which the next `time:` frame expires; null when there is none. */
  nextExpiry(): number | null {
    return this.#sql.nextExpiry.get()?.expires ?? null;
  }

  /** Removes the frame at a position; content that no other frame refers to may be collected from now on. */
  remove(pos: number, nowMs: number): void {
    // The newest frame says which id was given last; once it is gone, a note has to.
    if (pos === this.#frames.tail.pos) this.#frames.noteId(this.#frames.tail.id);
    const removed = this.#frames.removeAt(pos);
    if (removed === null) return;
    const count = this.#counts.get(removed.topic);
    if (count !== undefined) this.#counts.set(removed.topic, count - 1);
    if (removed.contentId !== null) this.#cas.leaveUntil(removed.contentId, nowMs);
  }

  #keepCount(topic: Topic, count: number): void {
    if (this.#counts.size >= COUNTS_KEPT_MAX) this.#counts.clear();
    this.#counts.set(topic, count);
  }
}
