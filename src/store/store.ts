// The one door of this room: a store is opened, written through the group commit, read, and closed.
import type { Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import { formatFrame, type Frame, type FrameDraft } from "../frame/frame.ts";
import type { Hash } from "../frame/hash.ts";
import { firstIdAt, type Id, nextId, timeOf } from "../frame/id.ts";
import { READ_ALL, type ReadOptions } from "../frame/read-options.ts";
import { expiresAt } from "../frame/ttl.ts";
import { Care } from "./care.ts";
import { Cas, type Content, type StoredContent } from "./cas.ts";
import { Collector } from "./collector.ts";
import { detailOf, faultOf, reading, readingParts } from "./fault.ts";
import { entryOf, Feed } from "./feed.ts";
import { checkMayBeImported, Frames, type NewRow } from "./frames.ts";
import { lockStore } from "./lock.ts";
import { makePlace } from "./place.ts";
import { Pages } from "./pages.ts";
import { type Part, read, type Sources } from "./reader.ts";
import { Retention } from "./retention.ts";
import { closeDatabase, openDatabase } from "./schema.ts";
import { listTopics } from "./topics.ts";
import { type Batch, type Fsync, Writer } from "./writer.ts";

export type StoreOptions = {
  readonly fsync?: Fsync;
  /** Milliseconds since 1970; a test may own the clock. */
  readonly now?: () => number;
  /** Called once when the disk can no longer be trusted: nothing is acknowledged from then on. */
  readonly onFatal?: (error: XsError) => void;
};

/** What an import did: frames added, frames that were there already, frames whose time was over. */
export type Imported = { readonly imported: number; readonly existing: number; readonly expired: number };

// Content sent ahead of its frame (POST /cas, then POST /import) is kept this long.
const CONTENT_LEASE_MS = 60 * 60 * 1000;
// Ids of ephemeral frames are noted ahead by this much, so that not each of them costs a commit.
const ID_RESERVE_MS = 1_000;

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
  // Frames that the running transaction has added and whose ttl it has not applied yet.
  #added: Frame[] = [];
  #arrivals: number;
  #reservedMs = 0;

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
    this.#arrivals = this.#pages.highestArrival();
    this.#writer = new Writer(
      db,
      { snapshot: () => this.#snapshot(), flush: () => this.#flush() },
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
      flush: () => this.#flush(),
      now: this.#now,
    });
  }

  /** Appends a frame; answers it when it and its content are durable (an ephemeral one: when its id is). */
  append(draft: FrameDraft, content: StoredContent | null = null): Promise<Frame> {
    const appended = this.#writer.submit((batch) => this.#appendNow(draft, content, batch));
    return content === null ? appended : appended.finally(() => content.release());
  }

  #appendNow(draft: FrameDraft, content: StoredContent | null, batch: Batch): Frame {
    const { topic, meta, ttl } = draft;
    const id = nextId(this.#frames.tail.id, this.#now());
    const frame: Frame = { topic, id, hash: content?.hash ?? null, meta, ttl };
    const line = formatFrame(frame);
    const contentId = content === null ? null : this.#cas.put(content);
    if (ttl?.kind === "ephemeral") {
      this.#reserve(id);
      if (contentId !== null) this.#collector.leaveUntil(contentId, this.#now() + CONTENT_LEASE_MS);
    } else {
      this.#frames.append({ frame, line, contentId, arrival: null });
      this.#added.push(frame);
    }
    batch.published.push(entryOf(frame, line, null));
    return frame;
  }

  #reserve(id: Id): void {
    this.#frames.tail.id = id;
    if (timeOf(id) < this.#reservedMs) return;
    this.#reservedMs = timeOf(id) + ID_RESERVE_MS;
    this.#frames.noteId(firstIdAt(this.#reservedMs));
  }

  /**
   * Adds frames with the ids they have, all or none; those that are there already are passed over. Throws `conflict`
   * for an id taken by another frame, `invalid` for one from the future, an ephemeral frame, or missing content.
   */
  import(frames: readonly Frame[]): Promise<Imported> {
    const sorted = [...frames].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    return this.#writer.submit((batch) => this.#importNow(sorted, batch), { alone: true });
  }

  #importNow(frames: readonly Frame[], batch: Batch): Imported {
    const nowMs = this.#now();
    const following = this.#feed.followers > 0;
    const rows: NewRow[] = [];
    for (const frame of frames) {
      if ((expiresAt(frame.id, frame.ttl) ?? Number.POSITIVE_INFINITY) <= nowMs) continue;
      checkMayBeImported(frame, nowMs);
      // Who does not follow finds an imported frame where it belongs; only a follower may have passed that place.
      const arrival = following && frame.id <= this.#frames.tail.id ? ++this.#arrivals : null;
      rows.push({ frame, line: formatFrame(frame), contentId: this.#contentIdOf(frame), arrival });
    }
    const tailId = this.#frames.tail.id;
    const added = this.#frames.merge(rows);
    for (const { frame, line, arrival } of added) {
      this.#added.push(frame);
      if (following || frame.id > tailId) batch.published.push(entryOf(frame, line, arrival));
    }
    this.#flush({ merged: true });
    return { imported: added.length, existing: rows.length - added.length, expired: frames.length - rows.length };
  }

  #contentIdOf({ hash, id }: Frame): number | null {
    if (hash === null) return null;
    const contentId = this.#cas.idOf(hash);
    if (contentId !== null) return contentId;
    throw new XsError(
      "invalid",
      `content ${hash} of frame ${id} is not in this store; send it first (POST /cas, xs cas-post)`,
    );
  }

  /** Removes a frame; answers whether there was one. */
  remove(id: Id): Promise<boolean> {
    return this.#writer.submit(() => {
      this.#flush();
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

  /** Reads frames and markers until the end that the options set, or until the signal aborts. */
  read(options: ReadOptions, signal: AbortSignal): AsyncGenerator<Part> {
    return readingParts(read(this.#sources, options, signal));
  }

  /** Reads what comes to lie above the tail from now on: for a log, which is not told of an import into the history. */
  readLog(signal: AbortSignal): AsyncGenerator<Part> {
    const options = { ...READ_ALL, follow: { pulseMs: null }, start: { kind: "new" } } as const;
    return read(this.#sources, options, signal, false);
  }

  get #sources(): Sources {
    return {
      pages: this.#pages,
      feed: this.#feed,
      now: this.#now,
      tailId: () => this.#frames.tail.id,
      markerId: () => (this.#frames.tail.id = nextId(this.#frames.tail.id, this.#now())),
      arrivals: () => this.#arrivals,
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

  /** Takes in content that is in memory already and that `isSmallContent` allows. */
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

  #snapshot(): () => void {
    const tail = { ...this.#frames.tail };
    const [added, arrivals, reservedMs] = [this.#added, this.#arrivals, this.#reservedMs];
    this.#added = [];
    return () => {
      this.#frames.rollback(tail);
      this.#retention.rollback();
      [this.#added, this.#arrivals, this.#reservedMs] = [added, arrivals, reservedMs];
    };
  }

  // `merged`: what was added may lie below frames that were there already.
  #flush({ merged = false } = {}): void {
    const added = this.#added;
    this.#added = [];
    this.#frames.flush();
    this.#retention.added(added);
    this.#retention.applyLast(added, merged, this.#now());
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
