// Reading: history and live are one loop. Scan the store to its tail, then take from the feed; where the feed has moved
// on without this reader, scan again from the last id. So a reader is never cut off, and never held in memory.
//
// Frames imported below the tail cannot be found from a cursor that has passed them. They carry an arrival number, and
// each step first hands out those that arrived behind the cursor since the step before. What holds between any two steps:
// of the frames that arrived up to `#arrival`, those behind the cursor are handed out and those ahead of it are not.
import { ID_MIN, type Id } from "../frame/id.ts";
import type { ReadOptions, Start } from "../frame/read-options.ts";
import { matches } from "../frame/topic.ts";
import { readFault } from "./fault.ts";
import type { Feed, FeedEntry } from "./feed.ts";
import { type Arrival, type Cursor, type Page, type Pages, rowsAfter } from "./pages.ts";

/** What a reader gets: frames as NDJSON (each line ended), or a marker that becomes a frame on the wire. */
export type Part =
  | { readonly kind: "frames"; readonly bytes: Uint8Array; readonly count: number }
  | { readonly kind: "threshold"; readonly id: Id }
  | { readonly kind: "pulse"; readonly id: Id };

/** What reading needs of the store. */
export type Sources = {
  readonly pages: Pages;
  readonly feed: Feed;
  readonly now: () => number;
  /** The newest id that was given. */
  readonly tailId: () => Id;
  /** A fresh id for a marker: above every frame so far, below every later one, so that it serves as a cursor. */
  readonly markerId: () => Id;
  /** The newest arrival number. */
  readonly arrivals: () => number;
};

// What one part of live frames holds, in characters, but for one that is larger; a reader that is behind gets several.
const LIVE_CHARS_MAX = 256 * 1024;

/**
 * Reads until the history ends or, with follow, until the limit is reached, the feed is closed or the reader leaves. It
 * waits in no promise, for there may be a thousand of it to each frame: who takes its parts is called back.
 */
export class Reader implements AsyncIterable<Part> {
  readonly #sources: Sources;
  readonly #options: ReadOptions;
  readonly #takesArrivals: boolean;
  readonly #start: Cursor | null;
  readonly #historyEnd: Id;
  readonly #firstArrival: number;
  #cursor: Cursor;
  #arrival: number;
  // What arrived up to this number and lies up to `#historyEnd` was handed out as history.
  #historyArrival = 0;
  #feedNumber: number;
  #pulseAt = 0;
  #left: number;
  #page: Page | null = null;
  #isLive = false;
  #isOver = false;
  #onNews: (() => void) | null = null;
  #pulseTimer: Timer | null = null;
  readonly #leaveFeed: (() => void) | null;

  /** Only a follower that `takesArrivals` is told of frames imported behind its cursor; while there is none, an import need not number them. */
  constructor(sources: Sources, options: ReadOptions, takesArrivals: boolean) {
    this.#sources = sources;
    this.#options = options;
    this.#takesArrivals = takesArrivals;
    this.#historyEnd = sources.tailId();
    this.#firstArrival = sources.arrivals();
    this.#arrival = this.#firstArrival;
    this.#feedNumber = sources.feed.end;
    this.#left = options.limit ?? Number.MAX_SAFE_INTEGER;
    this.#start = startOf(options.start);
    this.#cursor = this.#firstCursor();
    this.#leaveFeed = takesArrivals ? sources.feed.join() : null;
  }

  /** The next part, null at the end. `"later"`: there is none yet, and `onNews` is called once when it is time to ask again. */
  next(onNews: () => void): Part | "later" | null {
    try {
      const part = this.#isOver ? null : this.#next();
      if (part === "later") this.#wait(onNews);
      if (part === null) this.leave();
      return part;
    } catch (error) {
      this.leave();
      throw readFault(error);
    }
  }

  /** The parts for who may await each. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Part> {
    try {
      for (;;) {
        const { promise: news, resolve: onNews } = Promise.withResolvers<void>();
        const part = this.next(onNews);
        if (part === null) return;
        if (part === "later") await news;
        else yield part;
      }
    } finally {
      this.leave();
    }
  }

  /** Ends the read; who waits for news is called a last time. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#pulseTimer !== null) clearTimeout(this.#pulseTimer);
    this.#sources.feed.forget(this.#wake);
    this.#leaveFeed?.();
    this.#wake();
  }

  #wait(onNews: () => void): void {
    this.#onNews = onNews;
    this.#sources.feed.wait(this.#wake);
    if (this.#options.follow?.pulseMs == null) return;
    // It goes on when a frame comes before the pulse is due: to set a timer anew costs more than a frame.
    this.#pulseTimer ??= setTimeout(
      () => {
        this.#pulseTimer = null;
        this.#wake();
      },
      Math.max(1, this.#pulseAt - this.#sources.now()),
    );
  }

  readonly #wake = (): void => {
    const onNews = this.#onNews;
    this.#onNews = null;
    onNews?.();
  };

  #firstCursor(): Cursor {
    const { pages, now } = this.#sources;
    const { last, start, topic } = this.#options;
    if (start?.kind === "new") return { id: this.#historyEnd, inclusive: false };
    const cursor = this.#start ?? { id: ID_MIN, inclusive: true };
    if (last === null || cursor.id > this.#historyEnd) return cursor;
    return pages.beforeLast(topic, cursor, this.#historyEnd, last, now());
  }

  #next(): Part | "later" | null {
    const { follow, start } = this.#options;
    if (this.#left <= 0) return null;
    if (!this.#isLive) {
      const part = this.#step(this.#historyEnd);
      if (part !== null || follow === null) return part;
      this.#beginLive();
      if (start?.kind !== "new") return { kind: "threshold", id: this.#sources.markerId() };
    }
    return this.#take() ?? this.#pulse() ?? (this.#sources.feed.closed ? null : "later");
  }

  // Behind the end of the history nothing has been read: what arrived there comes with the feed, or by its number.
  #beginLive(): void {
    this.#isLive = true;
    [this.#historyArrival, this.#arrival] = [this.#arrival, this.#firstArrival];
    this.#pulseAt = this.#sources.now() + (this.#options.follow?.pulseMs ?? 0);
  }

  #pulse(): Part | null {
    const pulseMs = this.#options.follow?.pulseMs ?? null;
    if (pulseMs === null || this.#sources.feed.closed) return null;
    const nowMs = this.#sources.now();
    // A clock that was set back must not silence the pulse until it has caught up.
    if (nowMs < this.#pulseAt && this.#pulseAt <= nowMs + pulseMs) return null;
    this.#pulseAt = nowMs + pulseMs;
    return { kind: "pulse", id: this.#sources.markerId() };
  }

  // Takes what the feed holds; when it no longer holds the next entry, the store does (all but ephemeral frames).
  #take(): Part | null {
    const { feed } = this.#sources;
    if (this.#feedNumber < feed.first) {
      const part = this.#step(null);
      // The store is read to its end. What the feed still holds is known, or newer than all that was read.
      if (part === null) this.#feedNumber = feed.first;
      return part ?? this.#take();
    }
    const wanted: FeedEntry[] = [];
    let chars = 0;
    while (wanted.length < this.#left && chars < LIVE_CHARS_MAX) {
      const entry = feed.at(this.#feedNumber);
      if (entry === undefined) break;
      this.#feedNumber++;
      if (!this.#isUnseen(entry)) continue;
      this.#see(entry);
      if (!this.#isWanted(entry)) continue;
      wanted.push(entry);
      chars += entry.size;
    }
    return wanted.length === 0 ? null : this.#part(feed.bytesOf(wanted), wanted.length);
  }

  #isUnseen({ id, arrival }: FeedEntry): boolean {
    if (arrival === null) return isBehind(this.#cursor, id);
    return this.#takesArrivals && arrival > this.#arrival && !this.#isOfHistory(id, arrival);
  }

  #isOfHistory(id: Id, arrival: number): boolean {
    return arrival <= this.#historyArrival && id <= this.#historyEnd;
  }

  #see({ id, arrival }: FeedEntry): void {
    if (arrival !== null) this.#arrival = arrival;
    // A frame may arrive ahead of the cursor yet below the tail, where only markers have been given ids.
    if (arrival === null || isBehind(this.#cursor, id)) this.#cursor = { id, inclusive: false };
  }

  #isWanted({ id, topic, expires }: FeedEntry): boolean {
    if (this.#start !== null && !isBehind(this.#start, id)) return false;
    return matches(this.#options.topic, topic) && (expires === null || expires > this.#sources.now());
  }

  // One step through the store without an await in it: arrivals behind the cursor, or the next page.
  #step(endId: Id | null): Part | null {
    const { pages, arrivals, now } = this.#sources;
    while (this.#takesArrivals && this.#arrival < arrivals()) {
      const arrived = pages.arrivals(this.#arrival, this.#cursor, now());
      this.#arrival = arrived.at(-1)?.arrival ?? arrivals();
      const wanted = arrived.filter((arrival) => this.#isWantedArrival(arrival)).slice(0, this.#left);
      if (wanted.length === 0) continue;
      return this.#part(Buffer.from(wanted.map(({ line }) => `${line}\n`).join("")), wanted.length);
    }
    const rows = Math.min(this.#left, rowsAfter(this.#page));
    const page = pages.next(this.#options.topic, this.#cursor, endId, rows, now());
    if (page === null) {
      if (endId !== null && isBehind(this.#cursor, endId)) this.#cursor = { id: endId, inclusive: false };
      return null;
    }
    this.#page = page;
    this.#cursor = { id: page.lastId, inclusive: false };
    return this.#part(page.bytes, page.count);
  }

  #isWantedArrival({ id, topic, arrival }: Arrival): boolean {
    if (this.#isOfHistory(id, arrival)) return false;
    return (this.#start === null || isBehind(this.#start, id)) && matches(this.#options.topic, topic);
  }

  #part(bytes: Uint8Array, count: number): Part {
    this.#left -= count;
    return { kind: "frames", bytes, count };
  }
}

const isBehind = (cursor: Cursor, id: Id): boolean => id > cursor.id || (cursor.inclusive && id === cursor.id);

const startOf = (start: Start | null): Cursor | null =>
  start === null || start.kind === "new" ? null : { id: start.id, inclusive: start.kind === "from" };
