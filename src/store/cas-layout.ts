// The layout of cas/: where content files lie, the walk over all of them, and directories synced to the disk.
//
//   <store>/cas/7f/8c3e...       the content whose SHA-256 begins with 7f, in hex
//   <store>/cas/tmp/<name>       content and copies on their way
//   <store>/cas/quarantine/...   damaged content that `xs check --repair` has set aside
import { closeSync, constants, fsyncSync, openSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf, type Hash, hashOf } from "../frame/hash.ts";

// What one read of a file holds in memory; there are two, of which one is read while the other is hashed.
const READ_BYTES = 512 * 1024;

/** The hash of content that is in memory. */
export const hashBytes = (data: Uint8Array): Hash => hashOf(Bun.SHA256.hash(data) as Uint8Array);

export const casDir = (dir: string): string => join(dir, "cas");

/** Holds what is not whole yet; emptied when a server starts. */
export const temporaryDir = (dir: string): string => join(dir, "cas", "tmp");

/** Holds damaged content that was set aside. */
export const quarantineDir = (dir: string): string => join(dir, "cas", "quarantine");

/** The path of a content file. */
export function contentPath(dir: string, hash: Hash): string {
  const hex = digestOf(hash).toString("hex");
  return join(dir, "cas", hex.slice(0, 2), hex.slice(2));
}

/** The path of damaged content that was set aside. */
export const quarantinePath = (dir: string, hash: Hash): string =>
  join(quarantineDir(dir), digestOf(hash).toString("hex"));

/** A file under cas/; `hash` is what its name says, null for a name that is not one of content. */
export type ContentFile = { readonly path: string; readonly hash: Hash | null };

/** Every file under cas/ but those in `tmp` and `quarantine`, one directory in memory at a time. */
export async function* contentFiles(dir: string): AsyncGenerator<ContentFile> {
  for (const shard of await entriesOf(casDir(dir))) {
    if (shard.name === "tmp" || shard.name === "quarantine") continue;
    const path = join(casDir(dir), shard.name);
    if (!shard.isDirectory()) {
      yield { path, hash: null };
      continue;
    }
    for (const { name } of await entriesOf(path)) {
      const hex = `${shard.name}${name}`;
      const isContent = shard.name.length === 2 && /^[0-9a-f]{64}$/.test(hex);
      yield { path: join(path, name), hash: isContent ? hashOf(Buffer.from(hex, "hex")) : null };
    }
  }
}

/** What is in a directory; nothing when it is not there. */
export async function entriesOf(path: string): Promise<{ readonly name: string; isDirectory(): boolean }[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What is in a file: its hash and its size in bytes; null when there is no such file. Links are not followed. */
export async function hashFile(path: string): Promise<{ readonly hash: Hash; readonly size: number } | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const hasher = new Bun.CryptoHasher("sha256");
    let [block, other] = [new Uint8Array(READ_BYTES), new Uint8Array(READ_BYTES)];
    let size = 0;
    let reading = file.read(block, 0, READ_BYTES, size);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return { hash: hashOf(hasher.digest()), size };
      size += bytesRead;
      reading = file.read(other, 0, READ_BYTES, size);
      hasher.update(block.subarray(0, bytesRead));
      [block, other] = [other, block];
    }
  } finally {
    await file.close();
  }
}

/** Brings the names in a directory to the disk. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
