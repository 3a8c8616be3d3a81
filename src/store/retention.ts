// Retention: which frames a ttl has ended, and their removal with all that hangs on them.
import type { Database } from "bun:sqlite";
import type { Frame } from "../frame/frame.ts";
import type { Id } from "../frame/id.ts";
import type { Topic } from "../frame/topic.ts";
import type { Collector } from "./collector.ts";
import type { Frames } from "./frames.ts";

// Topics whose number of frames is remembered, so that `last:n` need not count what it keeps at each append.
const COUNTS_KEPT_MAX = 10_000;

const ALL_BELOW = Number.MIN_SAFE_INTEGER;
const ALL_ABOVE = Number.MAX_SAFE_INTEGER;

/** Removes frames. Every method belongs inside the writer's transaction, after `Frames.flush`. */
export class Retention {
  readonly #frames: Frames;
  readonly #collector: Collector;
  readonly #counts = new Map<Topic, number>();
  readonly #sql;

  constructor(db: Database, frames: Frames, collector: Collector) {
    this.#frames = frames;
    this.#collector = collector;
    this.#sql = {
      expired: db.prepare<{ pos: number }, [number, number]>(
        "SELECT pos FROM frame WHERE expires <= ? ORDER BY expires LIMIT ?",
      ),
      countExpired: db.prepare<{ n: number }, [number]>("SELECT count(*) AS n FROM frame WHERE expires <= ?"),
      expiredOf: db.prepare<{ pos: number }, [number, string]>(
        "SELECT pos FROM frame WHERE expires <= ? AND topic = ?",
      ),
      nextExpiry: db.prepare<{ expires: number }, []>(
        "SELECT expires FROM frame WHERE expires IS NOT NULL ORDER BY expires LIMIT 1",
      ),
      lasts: db.prepare<{ pos: number; keep: number }, [string, number]>(
        "SELECT pos, keep FROM frame WHERE keep IS NOT NULL AND topic = ? AND pos >= ? ORDER BY pos",
      ),
      count: db.prepare<{ n: number }, [number, number, number]>(
        "SELECT count(*) AS n FROM path_frame WHERE path_id = ? AND pos > ? AND pos <= ?",
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

  /**
   * Removes what the `last:n` frames no longer let stand: each keeps itself and the n - 1 of its topic right before it.
   * `added` are the frames that are new, in order of id; where they were `merged` in, frames above them count again.
   */
  applyLast(added: readonly Frame[], merged: boolean, nowMs: number): void {
    const oldest = new Map<Topic, Id>();
    for (const { id, topic, ttl } of added) {
      if ((merged || ttl?.kind === "last") && !oldest.has(topic)) oldest.set(topic, id);
    }
    for (const [topic, id] of oldest) this.#applyLastFrom(topic, id, nowMs);
  }

  #applyLastFrom(topic: Topic, id: Id, nowMs: number): void {
    const pathId = this.#frames.paths.idOf(topic);
    const pos = this.#frames.find(id);
    if (pathId === null || pos === null) return;
    const lasts = this.#sql.lasts.all(topic, pos);
    if (lasts.length === 0) return;
    // What is expired no longer counts among the n.
    for (const expired of this.#sql.expiredOf.all(nowMs, topic)) this.remove(expired.pos, nowMs);
    const count = this.#counts.get(topic) ?? this.#sql.count.get(pathId, ALL_BELOW, ALL_ABOVE)?.n ?? 0;
    this.#keepCount(topic, count);
    let excess = 0;
    let newer = 0;
    let above = ALL_ABOVE;
    for (const last of lasts.reverse()) {
      newer += this.#sql.count.get(pathId, last.pos, above)?.n ?? 0;
      above = last.pos;
      excess = Math.max(excess, count - newer - last.keep);
    }
    if (excess === 0) return;
    for (const doomed of this.#sql.oldest.all(pathId, excess)) this.remove(doomed.pos, nowMs);
  }

  /** Removes at most `countMax` frames whose time is over; answers how many it removed. */
  sweep(nowMs: number, countMax: number): number {
    const expired = this.#sql.expired.all(nowMs, countMax);
    for (const { pos } of expired) this.remove(pos, nowMs);
    return expired.length;
  }

  /** How many frames are there whose time is over. */
  countExpired(nowMs: number): number {
    return this.#sql.countExpired.get(nowMs)?.n ?? 0;
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
    if (removed.contentId !== null) this.#collector.leaveUntil(removed.contentId, nowMs);
  }

  #keepCount(topic: Topic, count: number): void {
    if (this.#counts.size >= COUNTS_KEPT_MAX) this.#counts.clear();
    this.#counts.set(topic, count);
  }
}
