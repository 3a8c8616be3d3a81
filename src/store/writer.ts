// The only writer: takes what has queued, applies it in one transaction, and after the commit answers the callers and
// publishes to followers, in that order. Many callers share one fsync.
import type { Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import { type Fault, faultOf } from "./fault.ts";
import type { FeedEntry } from "./feed.ts";
import { Log } from "./log.ts";

/** When a commit reaches the disk: before it is acknowledged, every so many milliseconds, or when SQLite sees fit. */
export type Fsync = { readonly kind: "always" | "never" } | { readonly kind: "interval"; readonly ms: number };

/** Work on the store inside the transaction. It answers its result; what it publishes goes out after the commit. */
export type Work<T> = (batch: Batch) => T;

/** What the work of one transaction leaves for after the commit. */
export type Batch = { readonly published: FeedEntry[]; readonly afterCommit: (() => void)[] };

/** The state in memory that goes with a transaction. */
export type Companion = {
  /** Remembers the state as it is; the answered function brings it back when the transaction fails. */
  readonly snapshot: () => () => void;
  /** Writes what the work so far has kept back. */
  readonly flush: () => void;
};

type Job = {
  readonly work: Work<unknown>;
  /** Whether a failure of this work alone must leave that of others standing (it runs in a savepoint). */
  readonly alone: boolean;
  readonly weight: number;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
};

// One commit takes no more than this together (or one job that weighs more), so that a burst does not hold the event loop for
// long. An append weighs as much as its topic has levels, for each is an entry of the index.
const COMMIT_WEIGHT_MAX = 4_096;
// How long a commit waits for more; to a disk a commit takes about as long, and for that they would wait else.
const GATHER_MS_MAX = 1;
// Each waiting job belongs to a request; beyond this the server is far behind, and says so.
const QUEUE_JOBS_MAX = 65_536;
// A write that changes nothing anyone reads.
const NOTE_SYNCED = "INSERT OR REPLACE INTO mark (name, value) VALUES ('synced', unixepoch())";

/** Whether writes are taken now, and if not, why. */
export type Health =
  { readonly status: "ok" } | { readonly status: "read-only" | "overloaded" | "failed"; readonly reason: string };

/** How long commits took, in ms: all of them together, and the last 1,000 each. */
export type CommitTimes = { readonly count: number; readonly totalMs: number; readonly lastMs: readonly number[] };

// Enough for a 99th percentile.
const COMMIT_TIMES_KEPT = 1_000;

export class Writer {
  readonly #db: Database;
  readonly #companion: Companion;
  readonly #publish: (entries: readonly FeedEntry[]) => void;
  readonly #onFatal: (error: XsError) => void;
  readonly #sql;
  readonly #fsync: Fsync;
  readonly #log: Log;
  #unsynced = false;
  #syncTimer: Timer | null = null;
  #queue: Job[] = [];
  #queueWeight = 0;
  #scheduled = false;
  #failed: XsError | null = null;
  #idle: (() => void) | null = null;
  // What the last transaction failed with; null when it did not.
  #refusal: XsError | null = null;
  #commits = 0;
  #commitTotalMs = 0;
  readonly #commitMs: number[] = [];

  constructor(
    db: Database,
    companion: Companion,
    publish: (entries: readonly FeedEntry[]) => void,
    onFatal: (error: XsError) => void,
    fsync: Fsync,
  ) {
    this.#db = db;
    this.#fsync = fsync;
    this.#log = new Log(db);
    this.#companion = companion;
    this.#publish = publish;
    this.#onFatal = onFatal;
    this.#sql = {
      begin: db.prepare("BEGIN IMMEDIATE"),
      commit: db.prepare("COMMIT"),
      rollback: db.prepare("ROLLBACK"),
      save: db.prepare("SAVEPOINT job"),
      release: db.prepare("RELEASE job"),
      undo: db.prepare("ROLLBACK TO job"),
    };
    // NORMAL leaves the log to the kernel between checkpoints: after a power cut SQLite opens at a clean, earlier commit.
    db.run(`PRAGMA synchronous = ${fsync.kind === "always" ? "FULL" : "NORMAL"}`);
    if (fsync.kind === "interval") this.#syncTimer = setInterval(() => this.#sync(), fsync.ms);
  }

  /** Runs work in a transaction to come; resolves when it is durable. Rejects with `XsError` when it is not. */
  submit<T>(work: Work<T>, { alone = false, weight = 1 } = {}): Promise<T> {
    if (this.#failed) return Promise.reject(this.#failed);
    if (this.#queue.length >= QUEUE_JOBS_MAX) {
      return Promise.reject(new XsError("unavailable", "too many writes are waiting; try again"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#queue.push({ work, alone, weight, resolve: resolve as (value: never) => void, reject });
    this.#queueWeight += weight;
    this.#schedule();
    return promise;
  }

  /** Resolves when everything that was submitted has been decided. */
  async drain(): Promise<void> {
    if (this.#queue.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle = resolve;
    await promise;
  }

  // Behind the input that is ready now: what other connections have already sent joins this commit. Where several have, the
  // rest of them are most likely about to, and it waits as long as each turn of the loop brings more.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#commitOrWait, 0, performance.now());
  }

  readonly #commitOrWait = (before: number, sinceMs: number): void => {
    const { length } = this.#queue;
    const isGrowing = length > 1 && length > before && this.#queueWeight < COMMIT_WEIGHT_MAX;
    if (isGrowing && performance.now() - sinceMs < GATHER_MS_MAX) {
      setImmediate(this.#commitOrWait, length, sinceMs);
      return;
    }
    this.#scheduled = false;
    this.#commit(this.#next());
    if (this.#queue.length > 0) this.#schedule();
    else this.#idle?.();
  };

  // The jobs of the next commit: at least one.
  #next(): Job[] {
    let [count, weight] = [0, 0];
    for (const job of this.#queue) {
      if (count > 0 && weight + job.weight > COMMIT_WEIGHT_MAX) break;
      count++;
      weight += job.weight;
    }
    this.#queueWeight -= weight;
    return this.#queue.splice(0, count);
  }

  #commit(jobs: readonly Job[]): void {
    if (this.#failed) return this.#rejectAll(jobs, this.#failed);
    const batch: Batch = { published: [], afterCommit: [] };
    const outcomes: (() => void)[] = [];
    const startMs = performance.now();
    const restore = this.#companion.snapshot();
    try {
      this.#sql.begin.run();
      for (const job of jobs) outcomes.push(job.alone ? this.#runAlone(job, batch) : this.#run(job, batch));
      this.#companion.flush();
      this.#sql.commit.run();
    } catch (error) {
      restore();
      return this.#fail(jobs, error);
    }
    const endMs = performance.now();
    this.#noteCommit(endMs - startMs);
    this.#refusal = null;
    this.#unsynced = true;
    for (const settle of outcomes) settle();
    this.#publish(batch.published);
    for (const act of [...batch.afterCommit, () => this.#log.keepShort(endMs)]) this.#afterCommit(act);
  }

  // What fails here has no caller to tell. Nothing is lost by it: the log keeps what the database cannot take over now, and
  // a file that stays is removed by gc.
  #afterCommit(act: () => void): void {
    try {
      act();
    } catch (error) {
      const fault = faultOf(error);
      if (fault === undefined) throw error;
      if (fault.fatal) this.stop(fault.error);
    }
  }

  #run({ work, resolve }: Job, batch: Batch): () => void {
    const result = work(batch) as never;
    return () => resolve(result);
  }

  // A refusal (XsError) undoes this job alone; any other error is the database's, and fails the transaction.
  #runAlone({ work, resolve, reject }: Job, batch: Batch): () => void {
    const published = batch.published.length;
    const acts = batch.afterCommit.length;
    this.#companion.flush();
    const restore = this.#companion.snapshot();
    this.#sql.save.run();
    try {
      const result = work(batch) as never;
      this.#companion.flush();
      this.#sql.release.run();
      return () => resolve(result);
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
      this.#sql.undo.run();
      this.#sql.release.run();
      restore();
      batch.published.length = published;
      batch.afterCommit.length = acts;
      return () => reject(error);
    }
  }

  #fail(jobs: readonly Job[], error: unknown): void {
    const fault: Fault = faultOf(error) ?? { error: new XsError("internal", "internal error"), fatal: false };
    try {
      if (this.#db.inTransaction) this.#sql.rollback.run();
    } catch {
      // The same fault again: the next transaction, or the restart, starts from what is on disk.
    }
    this.#refusal = fault.error;
    this.#rejectAll(jobs, fault.error);
    if (fault.fatal) this.stop(fault.error);
    else if (!faultOf(error)) console.error(error);
  }

  /** Acknowledges nothing more: the disk can no longer be trusted. */
  stop(error: XsError): void {
    if (this.#failed) return;
    this.#failed = error;
    this.#rejectAll(this.#queue.splice(0), error);
    this.#queueWeight = 0;
    this.#onFatal(error);
  }

  #rejectAll(jobs: readonly Job[], error: XsError): void {
    for (const { reject } of jobs) reject(error);
  }

  #noteCommit(ms: number): void {
    this.#commits++;
    this.#commitTotalMs += ms;
    if (this.#commitMs.length >= COMMIT_TIMES_KEPT) this.#commitMs.shift();
    this.#commitMs.push(ms);
  }

  /** How long commits took, for insight (`xs stat`). */
  get commitTimes(): CommitTimes {
    return { count: this.#commits, totalMs: this.#commitTotalMs, lastMs: this.#commitMs };
  }

  /** How many writes wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Whether writes are taken. Where the last one failed, it tries a small one, for nobody else may be writing. */
  async health(): Promise<Health> {
    if (this.#failed) return { status: "failed", reason: this.#failed.message };
    if (this.#queue.length >= QUEUE_JOBS_MAX) return { status: "overloaded", reason: "too many writes are waiting" };
    if (this.#refusal === null) return { status: "ok" };
    return this.submit(() => this.#db.run(NOTE_SYNCED)).then(
      () => ({ status: "ok" }),
      ({ message }: XsError) => ({ status: this.#failed ? "failed" : "read-only", reason: message }),
    );
  }

  // A commit under FULL syncs the whole log, so one small one makes durable all that came before it.
  #sync(): void {
    if (!this.#unsynced || this.#failed) return;
    try {
      this.#db.run("PRAGMA synchronous = FULL");
      this.#db.run(NOTE_SYNCED);
      this.#db.run("PRAGMA synchronous = NORMAL");
      this.#unsynced = false;
    } catch (error) {
      this.#fail([], error);
    }
  }

  /** Stops writing for good: everything from now on is refused with this error. */
  close(error: XsError): void {
    if (this.#syncTimer !== null) clearInterval(this.#syncTimer);
    if (this.#fsync.kind !== "always") this.#sync();
    this.#failed ??= error;
  }
}
