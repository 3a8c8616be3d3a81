// Care: what looks after a running store and tells how it is. Nothing here is needed to append or to read.
import { XsError } from "../error.ts";
import { countStore } from "./background.ts";
import { type Copy, copyStore } from "./copy.ts";
import type { Counts } from "./counts.ts";
import type { Feed } from "./feed.ts";
import { diskOf, percentiles, type Pulse } from "./pulse.ts";
import { type Garbage, type Swept, Sweeper } from "./sweeper.ts";
import type { Health } from "./writer.ts";

// Counting reads the whole index: seldom enough that a scraper costs next to nothing.
const COUNTED_AGE_MS_MAX = 10 * 60 * 1000;
// A copy takes as much disk as the database.
const COPIES_MAX = 4;

/** What was counted, and when, in ms since 1970. */
export type Counted = { readonly counts: Counts; readonly atMs: number };

export class Care {
  readonly #store: Swept & { readonly feed: Feed };
  readonly #sweeper: Sweeper;
  #counting: Promise<Counts> | null = null;
  #counted: Counted | null = null;
  #copies = 0;
  readonly #openedMs = performance.now();

  constructor(store: Swept & { readonly feed: Feed }) {
    this.#store = store;
    this.#sweeper = new Sweeper(store);
  }

  /** Removes all that a ttl has ended and all content that nobody needs; with `isDry` it only counts. */
  gc(isDry: boolean): Promise<Garbage> {
    return this.#sweeper.gc(isDry);
  }

  /** Whether writes are taken now, and if not, why. */
  health(): Promise<Health> {
    return this.#store.writer.health();
  }

  /** What can be said of the store at once, at any size. */
  pulse(): Pulse {
    const { writer, feed, dir } = this.#store;
    const { count, totalMs, lastMs } = writer.commitTimes;
    return {
      uptime_ms: Math.round(performance.now() - this.#openedMs),
      followers: feed.followers,
      writes_waiting: writer.waiting,
      commits: { count, total_ms: totalMs, ...percentiles(lastMs) },
      disk: diskOf(dir),
    };
  }

  /** Counts what is in the store, in the background; `top` bounds the list of topics. Who asks meanwhile shares the answer. */
  counts(top: number): Promise<Counts> {
    this.#counting ??= countStore(this.#store.dir, top)
      .then((counts) => {
        this.#counted = { counts, atMs: this.#store.now() };
        return counts;
      })
      .finally(() => (this.#counting = null));
    return this.#counting;
  }

  /** What was counted last; null when nothing was yet. Starts to count again, unwaited for, where that is long ago. */
  recentCounts(top: number): Counted | null {
    const ageMs = this.#store.now() - (this.#counted?.atMs ?? Number.NEGATIVE_INFINITY);
    // Who scrapes next sees it; a failure shows in what was asked for.
    if (ageMs > COUNTED_AGE_MS_MAX && this.#counting === null) this.counts(top).catch(() => undefined);
    return this.#counted;
  }

  /** A copy of the database as it is now. Until it is closed, no content that it refers to is collected. */
  async copy(): Promise<Copy> {
    if (this.#copies >= COPIES_MAX) throw new XsError("unavailable", `${COPIES_MAX} backups are running; try again`);
    this.#copies++;
    const unpin = this.#store.collector.pin();
    return copyStore(this.#store.dir, () => {
      this.#copies--;
      unpin();
    });
  }

  /** Ends the sweeping. */
  stop(): void {
    this.#sweeper.stop();
  }
}
