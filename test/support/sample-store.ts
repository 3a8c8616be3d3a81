// A small store with something of everything: for tests that damage copies of it.
import { cpSync } from "node:fs";
import { join } from "node:path";
import type { Hash } from "../../src/frame/hash.ts";
import type { Id } from "../../src/frame/id.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { randomFrom } from "./frames.ts";
import { frameAt, idAt } from "./frames.ts";
import { draft, startReading } from "./read.ts";

export type SampleStore = {
  readonly dir: string;
  readonly contents: ReadonlyMap<Hash, Uint8Array>;
  readonly ids: readonly Id[];
};

const bytesOf = (random: () => number, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, () => random() * 256);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Appends a frame with this content. */
export async function appendContent(
  store: Store,
  topic: string,
  bytes: Uint8Array,
  ttl = "forever",
): Promise<{ id: Id; hash: Hash }> {
  const content = await store.take(once(bytes));
  const { id, hash } = await store.append(draft(topic, ttl), content);
  if (hash === null) throw new Error("no content");
  return { id, hash };
}

/** Makes the store in a directory and closes it. */
export async function makeSampleStore(dir: string): Promise<SampleStore> {
  const random = randomFrom(7);
  const store = openStore(dir);
  const contents = new Map<Hash, Uint8Array>();
  const ids: Id[] = [];
  const withContent = async (topic: string, size: number, ttl?: string): Promise<void> => {
    const bytes = bytesOf(random, size);
    const { id, hash } = await appendContent(store, topic, bytes, ttl);
    contents.set(hash, bytes);
    ids.push(id);
  };
  // With a follower, imports get arrival numbers.
  const follower = startReading(store);
  for (let n = 0; n < 40; n++) {
    const meta = JSON.stringify({ n, text: "x".repeat(n * 20) });
    ids.push((await store.append(draft(`game.${n % 5}.move`, n % 7 === 0 ? "time:864000000" : "forever", meta))).id);
    if (n % 4 === 0) await withContent("note", 10 + n * 40);
  }
  await withContent("large", 20_000);
  await withContent("huge", 70_000);
  await withContent("huge", 200_000);
  for (let n = 0; n < 6; n++) await withContent("status", 100 + n, "last:3");
  const frames = Array.from({ length: 10 }, (_, n) =>
    frameAt(idAt(Date.now() - 100_000 + n * 1_000, n), "imported.below"),
  );
  await store.import(frames);
  for (const id of [...ids.splice(5, 3), ...ids.splice(20, 3)]) await store.remove(id);
  const kept = await store.keep(store.takeBytes(bytesOf(random, 500)));
  contents.set(kept, new Uint8Array());
  await store.append({ ...draft("seen", "ephemeral") });
  await follower.stop();
  await store.close();
  return { dir, contents, ids };
}

/** A copy of a store at rest. */
export function copyOf({ dir }: SampleStore, to: string): string {
  for (const name of ["store.db", "cas"]) cpSync(join(dir, name), join(to, name), { recursive: true });
  return to;
}
