// Writers of many kinds at once, what the server acknowledged to them, and whether a store holds it.
import { join } from "node:path";
import { COMMAND, lines, run } from "./xs.ts";

type Frame = { readonly topic: string; readonly id: string; readonly hash: string | null; readonly ttl: string | null };

/** A frame that was acknowledged; `position` is what `where` answered when the acknowledgement had come. */
export type Acknowledged = Frame & { readonly line: string; readonly position: number };

type Kind = { readonly ttl: string; readonly content: (unique: string, number: number) => string | null };

const LARGE = 6_000;
const KINDS: readonly Kind[] = [
  { ttl: "forever", content: () => null },
  { ttl: "forever", content: (unique) => unique },
  { ttl: "last:1", content: (unique) => unique },
  { ttl: "forever", content: (unique) => unique.repeat(LARGE) },
  { ttl: "forever", content: () => "the same for all" },
  { ttl: "last:3", content: () => null },
  { ttl: "last:1", content: (_, number) => `one of four ${number % 4} `.repeat(LARGE) },
  { ttl: "time:86400000", content: (unique) => unique.repeat(100) },
];

const sha256 = (bytes: Uint8Array | string): string =>
  `sha256-${new Bun.CryptoHasher("sha256").update(bytes).digest("base64")}`;

const keepOf = (ttl: string | null): number => (ttl?.startsWith("last:") ? Number(ttl.slice(5)) : 0);

/** Acknowledgements over the life of a store, however often its server ends. */
export class Load {
  readonly acknowledged = new Map<string, Acknowledged>();
  /** Answers other than success, as `<status> <code>`, and the last text of each. */
  readonly refused = new Map<string, string>();
  /** The highest id that was seen so far, over all starts. */
  highest = "";
  readonly #where: () => number;
  #number = 0;

  constructor(where: () => number = () => 0) {
    this.#where = where;
  }

  /** Starts writers; each writes until it is stopped or the server is gone. Where one is refused, it goes on. */
  start(addr: string, writers: number): { readonly stop: () => Promise<void> } {
    let isOver = false;
    const highestBefore = this.highest;
    const write = async (writer: number): Promise<void> => {
      while (!isOver) {
        const frame = await this.#append(addr, writer).catch(() => undefined);
        if (frame === undefined) return;
        if (frame === null) await Bun.sleep(1);
        else if (frame.id <= highestBefore) throw new Error(`I4: ${frame.id} came after ${highestBefore}`);
      }
    };
    const all = Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
    return {
      stop: async () => {
        isOver = true;
        await all;
      },
    };
  }

  async #append(addr: string, writer: number): Promise<Frame | null> {
    const { ttl, content } = KINDS[writer % KINDS.length] as Kind;
    const number = this.#number++;
    return this.append(addr, `w.${writer}`, content(`${writer}.${number} `, number), ttl);
  }

  /** Appends; null when it was refused. Throws when the server is gone. */
  async append(addr: string, topic: string, content: string | null, ttl = "forever"): Promise<Frame | null> {
    const response = await fetch(`http://x/append/${topic}?ttl=${ttl}`, {
      method: "POST",
      unix: join(addr, "sock"),
      body: content,
    });
    const text = (await response.text()).trimEnd();
    if (!response.ok) {
      const { code } = JSON.parse(text) as { code: string };
      this.refused.set(`${response.status} ${code}`, text);
      return null;
    }
    const frame = JSON.parse(text) as Frame;
    if (content !== null && frame.hash !== sha256(content)) throw new Error(`another hash: ${text}`);
    this.acknowledged.set(frame.id, { ...frame, line: text, position: this.#where() });
    if (frame.id > this.highest) this.highest = frame.id;
    return frame;
  }

  /** Forgets the acknowledgements that came after a position: whether they hold is not known. */
  forgetSince(position: number): void {
    for (const frame of this.acknowledged.values()) {
      if (frame.position > position) this.acknowledged.delete(frame.id);
    }
  }

  /**
   * Holds a served store against what was acknowledged (up to a position): all is there as it was, in order and once; and
   * all content that any frame refers to is there and right. Answers the frames.
   */
  async verify(addr: string, { upTo = Number.POSITIVE_INFINITY } = {}): Promise<Frame[]> {
    const unix = join(addr, "sock");
    const text = await (await fetch("http://x/", { unix })).text();
    const frames = lines<Frame>(text);
    const stored = new Map(text.split("\n").map((line, n) => [frames[n]?.id ?? "", line]));
    for (const [n, { id }] of frames.entries()) {
      const before = frames[n - 1]?.id ?? "";
      if (id <= before) throw new Error(`I4: ${id} stands after ${before}`);
      if (id > this.highest) this.highest = id;
    }
    const byTopic = Map.groupBy(frames, ({ topic }) => topic);
    for (const frame of this.acknowledged.values()) {
      if (frame.position > upTo) continue;
      const line = stored.get(frame.id);
      if (line !== undefined && line !== frame.line) throw new Error(`I1: ${frame.line} has become ${line}`);
      const keep = keepOf(frame.ttl);
      const newer = (byTopic.get(frame.topic) ?? []).filter(({ id }) => id > frame.id).length;
      if (line === undefined && (keep === 0 || newer < keep)) throw new Error(`I1: lost ${frame.line}`);
    }
    for (const [topic, some] of byTopic) {
      const keep = keepOf(some[0]?.ttl ?? null);
      if (keep > 0 && some.length > keep) throw new Error(`I8: ${topic} has ${some.length} frames, not ${keep}`);
    }
    await this.#verifyContent(frames, unix);
    return frames;
  }

  async #verifyContent(frames: readonly Frame[], unix: string): Promise<void> {
    const hashes = new Set(frames.flatMap(({ hash }) => (hash === null ? [] : [hash])));
    for (const hash of hashes) {
      const response = await fetch(`http://x/cas/${hash}`, { unix });
      const bytes = await response.bytes();
      if (!response.ok || sha256(bytes) !== hash)
        throw new Error(`C1: content ${hash}: ${response.status} ${Buffer.from(bytes).toString().slice(0, 200)}`);
    }
  }
}

/** Runs `xs check`; throws with what it says unless the store is whole. */
export async function expectWhole(dir: string): Promise<void> {
  const { code, stdout, stderr } = await run([...COMMAND, "check", dir]);
  if (code !== 0) throw new Error(`xs check ${dir} ended with ${code}: ${stdout}${stderr}`);
}
