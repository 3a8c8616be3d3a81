// The feed: the newest frames, held once for all followers, who take from it at their own pace and are told when they fell behind.
import type { Frame } from "../frame/frame.ts";
import type { Id } from "../frame/id.ts";
import type { Topic } from "../frame/topic.ts";
import { expiresAt } from "../frame/ttl.ts";

// What a follower may be behind before it reads from the store again; shared by all followers, so this, and what came in the
// time that they have for taking it, is all the memory.
const FEED_FRAMES_MAX = 4_096;
const FEED_CHARS_MAX = 8 * 1024 * 1024;
const TAKE_MS = 50;
// The oldest are dropped so many at a time: to move all that stay costs more than an append.
const DROP_FRAMES = 1_024;

// From one waking to the next, for each follower that is woken: twice what it costs, so that what comes meanwhile goes out
// together, and a thousand followers leave half of the time to others. Never so long that they miss an ephemeral frame.
const WAKE_US_A_FOLLOWER = 10;
const WAKE_PAUSE_MS_MAX = 50;

/** A frame that has just become durable (or is ephemeral). */
export type FeedEntry = {
  readonly id: Id;
  readonly topic: Topic;
  readonly expires: number | null;
  /** Set on an imported frame below the tail; see store/reader.ts. */
  readonly arrival: number | null;
  /** How many characters it has. */
  readonly size: number;
  /** The frame's JSON and a line end. One copy serves every follower. */
  readonly bytes: Uint8Array;
};

/** A frame as it is published; `line` is its JSON. */
export const entryOf = (frame: Frame, line: string, arrival: number | null): FeedEntry =>
  new Entry(frame, line, arrival);

class Entry implements FeedEntry {
  readonly id: Id;
  readonly topic: Topic;
  readonly expires: number | null;
  readonly arrival: number | null;
  readonly size: number;
  #text: string | Uint8Array;

  constructor({ id, topic, ttl }: Frame, line: string, arrival: number | null) {
    this.id = id;
    this.topic = topic;
    this.expires = expiresAt(id, ttl);
    this.arrival = arrival;
    this.size = line.length + 1;
    this.#text = line;
  }

  // Most entries of a store that is being filled are never asked for them.
  get bytes(): Uint8Array {
    if (typeof this.#text === "string") this.#text = Buffer.from(`${this.#text}\n`);
    return this.#text;
  }
}

type Joined = { readonly entries: readonly FeedEntry[]; readonly bytes: Uint8Array };

/** Publishes entries, numbered from 0 on in the order in which they came. */
export class Feed {
  #entries: FeedEntry[] = [];
  #first = 0;
  #chars = 0;
  #followers = 0;
  #closed = false;
  #waiting = new Set<() => void>();
  #isWaking = false;
  // What is dropped lies below `#told`: the end as it was when followers were woken at least TAKE_MS ago.
  #told = 0;
  #mark = { end: 0, ms: 0 };
  #wakeAtMs = 0;
  #joined: Joined = { entries: [], bytes: new Uint8Array() };
  readonly #nowMs: () => number;

  /** `nowMs` is of a clock that never goes back. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** The number that the next entry will have. */
  get end(): number {
    return this.#first + this.#entries.length;
  }

  /** The number of the oldest entry that is still held. */
  get first(): number {
    return this.#first;
  }

  /** How many readers follow. */
  get followers(): number {
    return this.#followers;
  }

  /** Counts a follower until the answered function is called. */
  join(): () => void {
    this.#followers++;
    return () => void this.#followers--;
  }

  /** Whether no entry will come any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Says that no entry will come any more, and wakes all who wait for one. */
  close(): void {
    this.#closed = true;
    this.#wakeSoon();
  }

  publish(entries: readonly FeedEntry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) {
      this.#entries.push(entry);
      this.#chars += entry.size;
    }
    this.#dropOldest();
    this.#wakeSoon();
  }

  // Behind the answers to those whose frames these are: a thousand followers would hold them up for milliseconds.
  #wakeSoon(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    const pauseMs = this.#wakeAtMs - this.#nowMs();
    if (pauseMs > 0) setTimeout(this.#wake, pauseMs);
    else setImmediate(this.#wake);
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    this.#isWaking = false;
    const nowMs = this.#nowMs();
    if (nowMs - this.#mark.ms >= TAKE_MS) {
      this.#told = this.#mark.end;
      this.#mark = { end: this.end, ms: nowMs };
    }
    this.#wakeAtMs = nowMs + Math.min(WAKE_PAUSE_MS_MAX, (waiting.size * WAKE_US_A_FOLLOWER) / 1000);
    for (const wake of waiting) {
      try {
        wake();
      } catch (error) {
        // A fault of one follower must not keep the news from the others.
        console.error(error);
      }
    }
  };

  /** Calls `wake` once, after the next entry has come or the feed has closed. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  /** Takes back what `wait` was asked for. */
  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  /** The entry with a number, from `first` on; undefined when it has not come yet. */
  at(number: number): FeedEntry | undefined {
    return this.#entries[number - this.#first];
  }

  /** The bytes of some entries behind each other. Followers that wake together mostly want the same, and share them. */
  bytesOf(entries: readonly FeedEntry[]): Uint8Array {
    const [first] = entries;
    if (entries.length === 1 && first) return first.bytes;
    const { entries: before, bytes } = this.#joined;
    if (entries.length === before.length && entries.every((entry, at) => entry === before[at])) return bytes;
    this.#joined = { entries, bytes: Buffer.concat(entries.map((entry) => entry.bytes)) };
    return this.#joined.bytes;
  }

  // Not what followers have had no time to take: who reads is to miss nothing of a batch, ephemeral frames included.
  #dropOldest(): void {
    if (this.#entries.length < FEED_FRAMES_MAX + DROP_FRAMES && this.#chars <= FEED_CHARS_MAX) return;
    const told = Math.max(0, this.#told - this.#first);
    let drop = Math.min(told, Math.max(0, this.#entries.length - FEED_FRAMES_MAX));
    let chars = this.#chars;
    for (let at = 0; at < drop; at++) chars -= this.#entries[at]?.size ?? 0;
    while (chars > FEED_CHARS_MAX && drop < told) chars -= this.#entries[drop++]?.size ?? 0;
    if (drop === 0) return;
    this.#entries = this.#entries.slice(drop);
    this.#first += drop;
    this.#chars = chars;
  }
}
