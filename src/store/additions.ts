// Additions: what a transaction adds to the store, frames appended and frames imported, and what their ttl then ends.
import { XsError } from "../error.ts";
import { formatFrame, type Frame, type FrameDraft } from "../frame/frame.ts";
import type { Hash } from "../frame/hash.ts";
import { firstIdAt, type Id, nextId, timeOf } from "../frame/id.ts";
import { expiresAt } from "../frame/ttl.ts";
import type { Cas, StoredContent } from "./cas.ts";
import type { Collector } from "./collector.ts";
import { entryOf, type Feed } from "./feed.ts";
import { checkMayBeImported, type Frames, type NewRow } from "./frames.ts";
import type { Retention } from "./retention.ts";
import type { Batch, Companion } from "./writer.ts";

/** A frame to be appended, with content that was taken in for it, content that is stored already, or none. */
export type Addition = { readonly draft: FrameDraft; readonly content: StoredContent | Hash | null };

/** What an import did: frames added, frames that were there already, frames whose time was over. */
export type Imported = { readonly imported: number; readonly existing: number; readonly expired: number };

/** Content without a frame (POST /cas, an ephemeral frame's) is kept this long for one that may come. */
export const CONTENT_LEASE_MS: number = 60 * 60 * 1000;
// Ids of ephemeral frames are noted ahead by this much, so that not each of them costs a commit.
const ID_RESERVE_MS = 1_000;

type Parts = {
  readonly frames: Frames;
  readonly cas: Cas;
  readonly retention: Retention;
  readonly collector: Collector;
  readonly feed: Feed;
  readonly now: () => number;
};

/** Every method that adds or flushes belongs inside the writer's transaction. */
export class Additions implements Companion {
  readonly #parts: Parts;
  // Frames that the running transaction has added and whose ttl it has not applied yet.
  #added: Frame[] = [];
  #arrivals: number;
  #reservedMs = 0;

  /** `arrivals` is the highest arrival number in the store. */
  constructor(parts: Parts, arrivals: number) {
    this.#parts = parts;
    this.#arrivals = arrivals;
  }

  /** The newest arrival number. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** Appends a frame. Throws `invalid` when it refers to content that is not stored. */
  append({ draft, content }: Addition, batch: Batch): Frame {
    const { frames, cas, collector, now } = this.#parts;
    const { topic, meta, ttl } = draft;
    const hash = typeof content === "string" ? content : (content?.hash ?? null);
    const frame: Frame = { topic, id: nextId(frames.tail.id, now()), hash, meta, ttl };
    const line = formatFrame(frame);
    const contentId =
      content === null ? null : typeof content === "string" ? this.#storedIdOf(content) : cas.put(content);
    if (ttl?.kind === "ephemeral") {
      this.#reserve(frame.id);
      if (contentId !== null) collector.leaveUntil(contentId, now() + CONTENT_LEASE_MS);
    } else {
      frames.append({ frame, line, contentId, arrival: null });
      this.#added.push(frame);
    }
    batch.published.push(entryOf(frame, line, null));
    return frame;
  }

  /** Appends frames one after the other; what one throws has its `index` in the details. */
  appendAll(additions: readonly Addition[], batch: Batch): Frame[] {
    return additions.map((addition, index) => {
      try {
        return this.append(addition, batch);
      } catch (error) {
        throw error instanceof XsError ? new XsError(error.code, error.message, { index }) : error;
      }
    });
  }

  #reserve(id: Id): void {
    const { frames } = this.#parts;
    frames.tail.id = id;
    if (timeOf(id) < this.#reservedMs) return;
    this.#reservedMs = timeOf(id) + ID_RESERVE_MS;
    frames.noteId(firstIdAt(this.#reservedMs));
  }

  /** Adds frames in order of id wherever their ids belong. Throws as `Store.import` does. */
  import(sorted: readonly Frame[], batch: Batch): Imported {
    const { frames, feed, now } = this.#parts;
    const nowMs = now();
    const following = feed.followers > 0;
    const rows: NewRow[] = [];
    for (const frame of sorted) {
      if ((expiresAt(frame.id, frame.ttl) ?? Number.POSITIVE_INFINITY) <= nowMs) continue;
      checkMayBeImported(frame, nowMs);
      // Who does not follow finds an imported frame where it belongs; only a follower may have passed that place.
      const arrival = following && frame.id <= frames.tail.id ? ++this.#arrivals : null;
      const contentId = frame.hash === null ? null : this.#storedIdOf(frame.hash, frame.id);
      rows.push({ frame, line: formatFrame(frame), contentId, arrival });
    }
    const tailId = frames.tail.id;
    const added = frames.merge(rows);
    for (const { frame, line, arrival } of added) {
      this.#added.push(frame);
      if (following || frame.id > tailId) batch.published.push(entryOf(frame, line, arrival));
    }
    this.#apply(true);
    return { imported: added.length, existing: rows.length - added.length, expired: sorted.length - rows.length };
  }

  #storedIdOf(hash: Hash, id?: Id): number {
    const contentId = this.#parts.cas.idOf(hash);
    if (contentId !== null) return contentId;
    const of = id === undefined ? "" : ` of frame ${id}`;
    throw new XsError("invalid", `content ${hash}${of} is not in this store; send it first (POST /cas, xs cas-post)`);
  }

  /** As a companion of the writer does. */
  snapshot(): () => void {
    const { frames, retention } = this.#parts;
    const tail = { ...frames.tail };
    const [added, arrivals, reservedMs] = [this.#added, this.#arrivals, this.#reservedMs];
    this.#added = [];
    return () => {
      frames.rollback(tail);
      retention.rollback();
      [this.#added, this.#arrivals, this.#reservedMs] = [added, arrivals, reservedMs];
    };
  }

  /** Writes what was kept back and applies the ttl of what is new. */
  flush(): void {
    this.#apply(false);
  }

  // `merged`: what is new may lie below frames that were there already.
  #apply(merged: boolean): void {
    const { frames, retention, now } = this.#parts;
    const added = this.#added;
    this.#added = [];
    frames.flush();
    retention.added(added);
    retention.applyLast(added, merged, now());
  }
}
