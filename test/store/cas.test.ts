import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import type { Hash } from "../../src/frame/hash.ts";
import { hashOf } from "../../src/frame/hash.ts";
import type { Id } from "../../src/frame/id.ts";
import { contentPath } from "../../src/store/cas-layout.ts";
import { databasePath } from "../../src/store/schema.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { frameAt, idAt } from "../support/frames.ts";
import { draft } from "../support/read.ts";
import { temporaryDir, withStore } from "../support/store.ts";

const HOUR_MS = 3_600_000;
const LARGE = new Uint8Array(1_000_000).map((_, at) => (at * 31) % 251);
const SMALL = new TextEncoder().encode("content");

async function* inChunks(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const sha = (bytes: Uint8Array): Hash => hashOf(new Bun.CryptoHasher("sha256").update(bytes).digest());

async function bytesOf(store: Store, hash: Hash, start = 0, end?: number): Promise<Uint8Array> {
  const content = store.content(hash);
  if (content === null) throw new Error("there is no such content");
  return new Response(await content.slice(start, end ?? content.size)).bytes();
}

const appendContent = async (store: Store, bytes: Uint8Array, ttl = "forever"): Promise<{ id: Id; hash: Hash }> => {
  const { id, hash } = await store.append(draft("a", ttl), await store.take(inChunks(bytes)));
  return { id, hash: hash as Hash };
};

const filesIn = (store: Store): string[] =>
  readdirSync(`${store.dir}/cas`, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile())
    .map((e) => e.name);

test("letting go of content does not fail, also where the database can no longer be asked", () =>
  withStore(async (store) => {
    const content = await store.take(inChunks(LARGE));
    const db = new Database(databasePath(store.dir));
    db.run("DROP TABLE content");
    db.close();
    expect(() => content?.release()).not.toThrow();
  }));

describe("content", () => {
  test.each([
    [0, null],
    [1, 0],
    [65_536, 0],
    [65_537, 1],
    [1_000_000, 1],
  ])("of %d bytes comes back byte for byte, in a file only where it is large", (size, files) =>
    withStore(async (store) => {
      const bytes = LARGE.subarray(0, size);
      const content = await store.take(inChunks(bytes));
      expect(content === null).toBe(files === null);
      const { hash } = await store.append(draft("a"), content);
      if (hash === null) return;
      expect(hash).toBe(sha(bytes));
      expect(await bytesOf(store, hash)).toEqual(Buffer.from(bytes));
      expect(store.content(hash)?.size).toBe(size);
      expect(filesIn(store)).toHaveLength(files ?? 0);
    }),
  );

  test("that is empty can be kept by its hash all the same", () =>
    withStore(async (store) => {
      const hash = await store.keep(store.takeBytes(new Uint8Array()));
      expect(store.content(hash)?.size).toBe(0);
      expect(await bytesOf(store, hash)).toHaveLength(0);
    }));

  test.each([
    [0, 1],
    [5, 5],
    [262_143, 262_145],
    [999_999, 1_000_000],
    [300_000, 900_000],
  ])("is read from byte %d to %d", (start, end) =>
    withStore(async (store) => {
      const { hash } = await appendContent(store, LARGE);
      expect(await bytesOf(store, hash, start, end)).toEqual(Buffer.from(LARGE.subarray(start, end)));
    }),
  );

  test("that is equal is stored once, also when it comes twice at the same time", () =>
    withStore(async (store) => {
      const frames = await Promise.all([LARGE, LARGE, SMALL, SMALL].map((bytes) => appendContent(store, bytes)));
      expect(new Set(frames.map(({ hash }) => hash)).size).toBe(2);
      expect(filesIn(store)).toHaveLength(1);
      const db = new Database(databasePath(store.dir), { readonly: true });
      expect(db.query("SELECT count(*) AS n FROM content").get()).toEqual({ n: 2 });
      db.close();
    }));

  test("whose sender fails half way leaves nothing", () =>
    withStore(async (store) => {
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield* inChunks(LARGE);
        throw new Error("gone");
      };
      await expect(store.take(broken())).rejects.toThrow("gone");
      expect(filesIn(store)).toEqual([]);
    }));

  test("in a file that is damaged is refused before its first byte, and so is a part of it", () =>
    withStore(async (store) => {
      const { hash } = await appendContent(store, LARGE);
      const path = contentPath(store.dir, hash);
      const damaged = readFileSync(path);
      damaged[10] = (damaged[10] ?? 0) ^ 1;
      for (const bytes of [damaged, damaged.subarray(0, 999_999), Buffer.concat([LARGE, SMALL])]) {
        writeFileSync(path, bytes);
        await expect(bytesOf(store, hash)).rejects.toThrow("damaged");
        await expect(bytesOf(store, hash, 100, 200)).rejects.toThrow("damaged");
      }
      await Bun.file(path).delete();
      await expect(bytesOf(store, hash)).rejects.toThrow("missing on disk");
    }));

  test("in a file whose frame never committed is cleared away by the next start, and what did commit stays", async () => {
    const dir = temporaryDir();
    const crashed = openStore(dir.path);
    const { hash } = await appendContent(crashed, LARGE);
    // Taken in, and then the server is gone before the append: nobody lets go of it.
    const lost = await crashed.take(inChunks(LARGE.subarray(1)));
    const path = contentPath(dir.path, lost?.hash as Hash);
    expect(existsSync(path)).toBe(true);
    await crashed.close();
    const store = openStore(dir.path);
    expect(existsSync(path)).toBe(false);
    expect(filesIn(store)).toHaveLength(1);
    expect(Buffer.from(await bytesOf(store, hash)).equals(LARGE)).toBe(true);
    await store.close();
    dir.remove();
  });

  test("in a row that is damaged is an error, and is mended by who sends it again", () =>
    withStore(async (store) => {
      const { hash } = await appendContent(store, SMALL);
      const db = new Database(databasePath(store.dir));
      db.run("UPDATE content SET data = ?", [new TextEncoder().encode("CONTENT")]);
      db.close();
      expect(() => store.content(hash)).toThrow("damaged");
      await appendContent(store, SMALL);
      expect(await bytesOf(store, hash)).toEqual(Buffer.from(SMALL));
    }));

  test("in a file that is damaged is mended by who sends it again", () =>
    withStore(async (store) => {
      const { hash } = await appendContent(store, LARGE);
      writeFileSync(contentPath(store.dir, hash), "damaged");
      await appendContent(store, LARGE);
      expect(await bytesOf(store, hash)).toEqual(Buffer.from(LARGE));
    }));
});

describe("the collector", () => {
  test.each([
    ["small", SMALL],
    ["large", LARGE],
  ])("takes %s content when the last frame that refers to it is gone", (_, bytes) =>
    withStore(async (store) => {
      const [one, two] = [await appendContent(store, bytes), await appendContent(store, bytes)];
      await store.remove(one.id);
      // The sweep has passed when what was due at the same time is gone.
      const marker = await appendContent(store, new TextEncoder().encode("marker"));
      await store.remove(marker.id);
      await eventually("the marker is collected", () => store.content(marker.hash) === null);
      expect(await bytesOf(store, one.hash)).toEqual(Buffer.from(bytes));
      await store.remove(two.id);
      await eventually("the content is collected", () => store.content(one.hash) === null);
      await eventually("its file is gone", () => !existsSync(contentPath(store.dir, one.hash)));
    }),
  );

  test("takes the content of frames that a ttl has ended", () =>
    withStore(async (store, clock) => {
      const timed = await appendContent(store, SMALL, "time:10");
      const first = await appendContent(store, LARGE, "last:1");
      await store.append(draft("a", "last:1"));
      clock.ms += 10;
      await eventually(
        "both are collected",
        () => store.content(timed.hash) === null && store.content(first.hash) === null,
      );
    }));

  test("never takes what a request holds", () =>
    withStore(async (store) => {
      const { id, hash } = await appendContent(store, LARGE);
      const held = await store.take(inChunks(LARGE));
      await store.remove(id);
      const marker = await appendContent(store, SMALL);
      await store.remove(marker.id);
      await eventually("the marker is collected", () => store.content(marker.hash) === null);
      expect(existsSync(contentPath(store.dir, hash))).toBe(true);
      await store.append(draft("a"), held);
      expect(await bytesOf(store, hash)).toEqual(Buffer.from(LARGE));
    }));

  test("leaves content that was kept without a frame for an hour, whatever else lets go of it", () =>
    withStore(async (store, clock) => {
      const hash = await store.keep(store.takeBytes(SMALL));
      const { id } = await appendContent(store, SMALL);
      await store.remove(id);
      clock.ms += HOUR_MS - 1;
      const marker = await appendContent(store, LARGE);
      await store.remove(marker.id);
      await eventually("the marker is collected", () => store.content(marker.hash) === null);
      expect(await bytesOf(store, hash)).toEqual(Buffer.from(SMALL));
      clock.ms += 1;
      await eventually("the content is collected", () => store.content(hash) === null);
    }));

  test("leaves content that was kept and then referred to by an import", () =>
    withStore(async (store, clock) => {
      const hash = await store.keep(store.takeBytes(SMALL));
      await store.import([frameAt(idAt(clock.ms - 1), "a", "forever", hash)]);
      clock.ms += HOUR_MS;
      const marker = await appendContent(store, LARGE);
      await store.remove(marker.id);
      await eventually("the marker is collected", () => store.content(marker.hash) === null);
      expect(await bytesOf(store, hash)).toEqual(Buffer.from(SMALL));
    }));
});
