// The one door of this room: a store is opened, written through the group commit, read, and closed.
import type { Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import type { Frame, FrameDraft } from "../frame/frame.ts";
import type { Hash } from "../frame/hash.ts";
import { type Id, nextId } from "../frame/id.ts";
import { READ_ALL, type ReadOptions } from "../frame/read-options.ts";
import { levelsOf } from "../frame/topic.ts";
import { type Addition, Additions, CONTENT_LEASE_MS, type Imported } from "./additions.ts";
import { Care } from "./care.ts";
import { Cas, type Content, type StoredContent } from "./cas.ts";
import { Collector } from "./collector.ts";
import { detailOf, faultOf, reading } from "./fault.ts";
import { Feed } from "./feed.ts";
import { Frames } from "./frames.ts";
import { lockStore } from "./lock.ts";
import { makePlace } from "./place.ts";
import { Pages } from "./pages.ts";
import { Reader, type Sources } from "./reader.ts";
import { Retention } from "./retention.ts";
import { closeDatabase, openDatabase } from "./schema.ts";
import { listTopics } from "./topics.ts";
import { type Fsync, Writer } from "./writer.ts";

export type StoreOptions = {
  readonly fsync?: Fsync;
  /** Milliseconds since 1970; a test may own the clock. */
  readonly now?: () => number;
  /** Called once when the disk can no longer be trusted: nothing is acknowledged from then on. */
  readonly onFatal?: (error: XsError) => void;
};

/** Opens the store in a directory, which is made if it is not there (0700), and locks it. */
export function openStore(dir: string, options: StoreOptions = {}): Store {
  let unlock: (() => void) | undefined;
  try {
    makePlace(dir);
    unlock = lockStore(dir);
    return new Store(dir, openDatabase(dir), unlock, options);
  } catch (error) {
    unlock?.();
    const fault = faultOf(error);
    if (fault === undefined) throw error;
    const told = new XsError(fault.error.code, `${dir} cannot be opened: ${detailOf(error as Error)}`);
    if (fault.fatal) options.onFatal?.(told);
    throw told;
  }
}

export class Store {
  readonly dir: string;
  /** Sweeping, health, counts, copies. */
  readonly care: Care;
  readonly #db: Database;
  readonly #frames: Frames;
  readonly #pages: Pages;
  readonly #cas: Cas;
  readonly #retention: Retention;
  readonly #feed = new Feed();
  readonly #writer: Writer;
  readonly #unlock: () => void;
  readonly #onFatal: (error: XsError) => void;
  readonly #now: () => number;
  readonly #collector: Collector;
  readonly #additions: Additions;

  constructor(dir: string, db: Database, unlock: () => void, options: StoreOptions) {
    this.dir = dir;
    this.#db = db;
    this.#unlock = unlock;
    this.#onFatal = options.onFatal ?? (() => undefined);
    this.#now = options.now ?? Date.now;
    this.#frames = new Frames(db);
    this.#pages = new Pages(db, this.#frames);
    this.#cas = new Cas(dir, db);
    this.#collector = new Collector(db, this.#cas);
    this.#retention = new Retention(db, this.#frames, this.#collector);
    const parts = { frames: this.#frames, cas: this.#cas, retention: this.#retention, collector: this.#collector };
    this.#additions = new Additions({ ...parts, feed: this.#feed, now: this.#now }, this.#pages.highestArrival());
    this.#writer = new Writer(
      db,
      this.#additions,
      (entries) => this.#feed.publish(entries),
      this.#onFatal,
      options.fsync ?? { kind: "always" },
    );
    this.care = new Care({
      dir,
      frames: this.#frames,
      retention: this.#retention,
      collector: this.#collector,
      writer: this.#writer,
      feed: this.#feed,
      flush: () => this.#additions.flush(),
      now: this.#now,
    });
  }

  /** Appends a frame; answers it when it and its content are durable (an ephemeral one: when its id is). */
  append(draft: FrameDraft, content: StoredContent | null = null): Promise<Frame> {
    const weight = levelsOf(draft.topic);
    const appended = this.#writer.submit((batch) => this.#additions.append({ draft, content }, batch), { weight });
    return content === null ? appended : appended.finally(() => content.release());
  }

  /**
   * Appends frames in this order, all or none; answers them as `append` does. Throws `invalid` for content that is not
   * stored, with the `index` of the addition in its details.
   */
  async appendAll(additions: readonly Addition[]): Promise<Frame[]> {
    // Only content that is looked for can be missing: without such, no savepoint has to keep this batch apart from others.
    const alone = additions.some(({ content }) => typeof content === "string");
    const weight = additions.reduce((sum, { draft }) => sum + levelsOf(draft.topic), 0);
    return this.#writer.submit((batch) => this.#additions.appendAll(additions, batch), { alone, weight });
  }

  /**
   * Adds frames with the ids they have, all or none; those that are there already are passed over. Throws `conflict`
   * for an id taken by another frame, `invalid` for one from the future, an ephemeral frame, or missing content.
   */
  import(frames: readonly Frame[]): Promise<Imported> {
    const sorted = [...frames].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return this.#writer.submit((batch) => this.#additions.import(sorted, batch), {
      alone: true,
      weight: frames.reduce((sum, { topic }) => sum + levelsOf(topic), 0),
    });
  }

  /** Removes a frame; answers whether there was one. */
  remove(id: Id): Promise<boolean> {
    return this.#writer.submit(() => {
      this.#additions.flush();
      const pos = this.#frames.find(id);
      if (pos !== null) this.#retention.remove(pos, this.#now());
      return pos !== null;
    });
  }

  /** The line of the frame with this id; null when there is none that is visible. */
  get(id: Id): string | null {
    return reading(() => {
      const pos = this.#frames.find(id);
      return pos === null ? null : this.#frames.lineAt(pos, this.#now());
    });
  }

  /** At most `limit` topics that have frames and begin with a prefix, in order of their names. */
  readonly topics = (prefix: string, limit: number): string[] => reading(() => listTopics(this.#db, prefix, limit));

  /** Reads frames and markers until the end that the options set, or until the reader leaves. */
  read(options: ReadOptions): Reader {
    return reading(() => new Reader(this.#sources, options, options.follow !== null));
  }

  /** Reads what comes to lie above the tail from now on: for a log, which is not told of an import into the history. */
  readLog(): Reader {
    const options = { ...READ_ALL, follow: { pulseMs: null }, start: { kind: "new" } } as const;
    return new Reader(this.#sources, options, false);
  }

  get #sources(): Sources {
    return {
      pages: this.#pages,
      feed: this.#feed,
      now: this.#now,
      tailId: () => this.#frames.tail.id,
      markerId: () => (this.#frames.tail.id = nextId(this.#frames.tail.id, this.#now())),
      arrivals: () => this.#additions.arrivals,
    };
  }

  /** Takes in content, hashing it as it comes; null for none. Give it to `append` or `keep`, which release it. */
  async take(body: AsyncIterable<Uint8Array>): Promise<StoredContent | null> {
    try {
      return await this.#cas.take(body);
    } catch (error) {
      const fault = faultOf(error);
      if (fault?.fatal) this.#writer.stop(fault.error);
      throw fault?.error ?? error;
    }
  }

  /** Takes in content that is in memory already and that `Cas.isSmall` allows. */
  takeBytes(bytes: Uint8Array): StoredContent {
    return this.#cas.takeBytes(bytes);
  }

  /** Stores content without a frame, for an hour; a frame that refers to it by then keeps it. */
  async keep(content: StoredContent): Promise<Hash> {
    try {
      await this.#writer.submit(() => {
        this.#collector.leaveUntil(this.#cas.put(content), this.#now() + CONTENT_LEASE_MS);
      });
      return content.hash;
    } finally {
      content.release();
    }
  }

  /** Opens stored content; null when there is none. Throws `internal` when what is there is damaged. */
  content(hash: Hash): Content | null {
    return reading(() => this.#cas.open(hash));
  }

  /** How many readers follow. */
  get followers(): number {
    return this.#feed.followers;
  }

  /** Lets followers take what they have not seen, and ends their reads. */
  endFollowing(): void {
    this.#feed.close();
  }

  /** Finishes what was accepted and closes the files for good; answers why the last id was not noted, null when it was. */
  async close(): Promise<XsError | null> {
    let refusal: XsError | null = null;
    this.care.stop();
    await this.#writer.drain();
    await this.#writer.submit(() => this.#frames.noteTail()).catch((error: XsError) => (refusal = error));
    this.#writer.close(new XsError("unavailable", "the server is stopping; try again"));
    const fault = closeDatabase(this.#db);
    this.#unlock();
    if (fault?.fatal) this.#onFatal(fault.error);
    return refusal;
  }
}
