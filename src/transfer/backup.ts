// Backup: a copy of a live store, over its API, into a directory that a server opens as it is.
import { XsError } from "../error.ts";
import type { Hash } from "../frame/hash.ts";
import type { Client } from "../http/client.ts";
import { BackupDir, type NeededContent } from "../store/backup-dir.ts";
import type { Finding } from "../store/finding.ts";
import { inParallel } from "./archive.ts";

// Content is fetched over this many connections: more than one hides the round trip, many would crowd out other clients.
const FETCH_WIDTH = 8;

export type BackupOptions = {
  /** Told as the backup goes on: bytes of the database, frames that were verified, content files. */
  readonly progress: (done: number, unit: "bytes" | "frames" | "contents" | "files") => void;
  /** Told of each fault in the copied database, which is one of the store. */
  readonly onFinding: (finding: Finding) => void;
  /** Told of each content that the store could not give. */
  readonly onMissing: (hash: Hash) => void;
};

export type BackedUp = {
  readonly frames: number;
  /** Of the database. */
  readonly bytes: number;
  /** Contents in files, and how many of them were not here yet. */
  readonly files: number;
  readonly copied: number;
  readonly missing: number;
  readonly faults: number;
};

/**
 * Backs a store up. Throws `conflict` for a directory that is no backup, and where the copied database is damaged and an
 * older backup would be lost to it. What was fetched before a failure is not fetched again.
 */
export async function backupStore(client: Client, dir: string, options: BackupOptions): Promise<BackedUp> {
  const target = await BackupDir.open(dir);
  try {
    const { size, body } = await client.backup();
    const reader = body.getReader();
    try {
      await target.receive(firstBytes(reader, size, options.progress));
      const { frames, faults } = verify(target, options);
      const fetched = await fetchContents(client, target, options);
      await target.finish();
      return { frames, bytes: size, faults, ...fetched };
    } finally {
      // Lets the server collect again what the copy refers to.
      await reader.cancel().catch(() => undefined);
    }
  } finally {
    target.close();
  }
}

// The stream stays open behind these bytes, so that it must not be read to its end.
async function* firstBytes(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
  size: number,
  progress: BackupOptions["progress"],
): AsyncGenerator<Uint8Array> {
  for (let come = 0; come < size;) {
    const { done, value } = await reader.read();
    if (done || value === undefined)
      throw new XsError("unavailable", `the server ended the copy early: ${come} of ${size} bytes came; try again`);
    come += value.length;
    yield value;
    progress(come, "bytes");
  }
}

function verify(target: BackupDir, { onFinding, progress }: BackupOptions): { frames: number; faults: number } {
  const counted = { frames: 0 };
  let faults = 0;
  for (const finding of target.verify(counted, progress)) {
    faults++;
    onFinding(finding);
  }
  if (faults > 0 && target.isOlder) {
    throw new XsError(
      "internal",
      "the store is damaged, so its copy was not put in the place of the older backup; run: xs check <store>, or back up into a new directory",
    );
  }
  return { frames: counted.frames, faults };
}

async function fetchContents(
  client: Client,
  target: BackupDir,
  { onMissing, progress }: BackupOptions,
): Promise<{ files: number; copied: number; missing: number }> {
  let [files, copied, missing] = [0, 0, 0];
  await inParallel(target.needed(), FETCH_WIDTH, async (content) => {
    if (!(await target.has(content))) {
      if (await fetchContent(client, target, content)) copied++;
      else if (content.isReferred) {
        missing++;
        onMissing(content.hash);
      }
    }
    progress(++files, "files");
  });
  return { files, copied, missing };
}

// False when the store has lost it, or has it damaged.
async function fetchContent(client: Client, target: BackupDir, { hash }: NeededContent): Promise<boolean> {
  try {
    const { body } = await client.content(hash);
    return await target.put(hash, body ? whole(body) : empty());
  } catch (error) {
    if (error instanceof XsError && (error.code === "not_found" || error.code === "internal")) return false;
    throw error;
  }
}

// Damaged content is cut short by the server, which shows as a broken stream.
async function* whole(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new XsError("internal", "the content was cut short");
    });
    if (done) return;
    yield value;
  }
}

async function* empty(): AsyncGenerator<Uint8Array> {
  // Content of no bytes.
}
