// The sweeper: removes what a ttl has ended and content that nobody needs, beside the work at a low rate, or for `xs gc` to
// the end at once.
import { unlinkSync } from "node:fs";
import { XsError } from "../error.ts";
import { type Collector, FIRST_DUE } from "./collector.ts";
import { contentFiles } from "./cas-layout.ts";
import type { Frames } from "./frames.ts";
import type { Retention } from "./retention.ts";
import type { Writer } from "./writer.ts";

// Removing what a ttl has ended: looked at this often, and this many frames a transaction, so that appends get through.
const SWEEP_MS = 500;
const SWEEP_FRAMES_MAX = 1_000;
// Collected with each sweep: content is removed at a low rate beside the work.
const COLLECT_COUNT_MAX = 100;
// What gc looks at in one transaction, so that the appends that wait meanwhile wait a few milliseconds.
const GC_COUNT_MAX = 500;

/** What gc removed, or would remove. */
export type Garbage = {
  /** Frames whose time was over. */
  expired: number;
  /** Contents that no frame referred to. */
  collected: number;
  /** Content files that no content needed. */
  files: number;
  /** Bytes of contents and files. */
  bytes: number;
  /** Names of topics that no frame is under any more. */
  topics: number;
  /** Whether content was left alone because a backup was being made. */
  held_by_backup: boolean;
};

/** What sweeping needs of the store. */
export type Swept = {
  readonly dir: string;
  readonly frames: Frames;
  readonly retention: Retention;
  readonly collector: Collector;
  readonly writer: Writer;
  /** Writes what the work so far has kept back; inside the writer's transaction. */
  readonly flush: () => void;
  readonly now: () => number;
};

export class Sweeper {
  readonly #swept: Swept;
  readonly #timer: Timer;
  #isSweeping = false;
  #isCollecting = false;

  constructor(swept: Swept) {
    this.#swept = swept;
    this.#timer = setInterval(() => void this.#sweep(), SWEEP_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  // The timer only asks; a sweep that is behind goes on until nothing is due.
  async #sweep(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    const { collector, writer, now } = this.#swept;
    try {
      await this.#expire();
      if (!this.#isCollecting && collector.isCollectable(now())) {
        await writer.submit((batch) => {
          batch.afterCommit.push(collector.collect(FIRST_DUE, now(), COLLECT_COUNT_MAX).unlink);
        });
      }
    } catch {
      // A full or failed disk: the writer has told its other callers, and the next sweep tries again.
    } finally {
      this.#isSweeping = false;
    }
  }

  async #expire(): Promise<number> {
    const { retention, writer, flush, now } = this.#swept;
    let removed = 0;
    while ((retention.nextExpiry() ?? Number.POSITIVE_INFINITY) <= now()) {
      await writer.submit(() => {
        flush();
        removed += retention.sweep(now(), SWEEP_FRAMES_MAX);
      });
    }
    return removed;
  }

  /** Removes all that can be removed, in steps between which appends go on; with `isDry` it only looks. */
  async gc(isDry: boolean): Promise<Garbage> {
    if (this.#isCollecting) throw new XsError("conflict", "a gc is running already; wait for its end");
    this.#isCollecting = true;
    try {
      const garbage: Garbage = {
        expired: isDry ? this.#swept.retention.countExpired(this.#swept.now()) : await this.#expire(),
        collected: 0,
        files: 0,
        bytes: 0,
        topics: 0,
        held_by_backup: this.#swept.collector.isPinned,
      };
      await this.#collectDue(garbage, isDry);
      await this.#removeStrays(garbage, isDry);
      await this.#removeEmptyPaths(garbage, isDry);
      return garbage;
    } finally {
      this.#isCollecting = false;
    }
  }

  async #collectDue(garbage: Garbage, isDry: boolean): Promise<void> {
    const { collector, writer, now } = this.#swept;
    for (let after: typeof FIRST_DUE | null = FIRST_DUE; after !== null;) {
      const from: typeof FIRST_DUE = after;
      const step = isDry
        ? await between(() => collector.survey(from, now(), GC_COUNT_MAX))
        : await writer.submit((batch) => {
            const collected = collector.collect(from, now(), GC_COUNT_MAX);
            batch.afterCommit.push(collected.unlink);
            return collected;
          });
      garbage.collected += step.count;
      garbage.bytes += step.bytes;
      after = step.next;
    }
  }

  // The look and the removal are one step without an await in it, and uploads hold their content before it gets its name.
  async #removeStrays(garbage: Garbage, isDry: boolean): Promise<void> {
    for await (const { path, hash } of contentFiles(this.#swept.dir)) {
      if (hash === null || !this.#swept.collector.isStray(hash)) continue;
      const { size } = Bun.file(path);
      if (!isDry) unlinkSync(path);
      garbage.files++;
      garbage.bytes += size;
    }
  }

  async #removeEmptyPaths(garbage: Garbage, isDry: boolean): Promise<void> {
    const { frames, writer, flush } = this.#swept;
    for (let after: number | null = 0; after !== null;) {
      const from: number = after;
      const look = () => frames.paths.empty(from, GC_COUNT_MAX);
      const step = isDry
        ? await between(look)
        : await writer.submit(() => {
            flush();
            const found = look();
            for (const path of found.empty) frames.paths.remove(path);
            return found;
          });
      garbage.topics += step.empty.filter(({ name }) => !name.endsWith(".*")).length;
      after = step.nextId;
    }
  }
}

/** Runs a step of work behind the input that is ready now. */
async function between<T>(step: () => T): Promise<T> {
  await new Promise((resolve) => setImmediate(resolve));
  return step();
}
