// Export: a store's frames and the content they refer to, into a dump directory.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { XsError } from "../error.ts";
import { type Hash, hashOf, parseHash } from "../frame/hash.ts";
import { READ_ALL } from "../frame/read-options.ts";
import type { Client } from "../http/client.ts";
import { contentDir, dumpPath, framesPath, inParallel, type Progress } from "./archive.ts";

// Content is fetched over this many connections: more than one hides the round trip, many would crowd out other clients.
const FETCH_WIDTH = 8;

/** What an export wrote. */
export type Exported = { readonly frames: number; readonly contents: number; readonly missing: readonly Hash[] };

/**
 * Writes a dump into a directory that is new or empty. frames.jsonl gets its name last, so that a dump which was
 * interrupted does not look like a whole one. Content that the store cannot give is named in the result.
 */
export async function exportStore(client: Client, dir: string, progress: Progress): Promise<Exported> {
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new XsError("conflict", `${dir} is not empty; export into a new directory`);
  }
  mkdirSync(contentDir(dir), { recursive: true, mode: 0o700 });
  const partial = `${framesPath(dir)}.partial`;
  const known = new Set<Hash>();
  const missing: Hash[] = [];
  const response = await client.read(READ_ALL);
  const file = openSync(partial, "wx", 0o600);
  let frames = 0;
  try {
    for await (const { bytes, hashes, count } of pagesOf(response)) {
      writeWhole(file, bytes);
      frames += count;
      const fresh = hashes.filter((hash) => !known.has(hash));
      for (const hash of fresh) known.add(hash);
      await inParallel(new Set(fresh), FETCH_WIDTH, async (hash) => {
        if (!(await fetchContent(client, dir, hash))) missing.push(hash);
      });
      progress(frames);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(partial, framesPath(dir));
  return { frames, contents: known.size - missing.length, missing };
}

type PageOfLines = { readonly bytes: Uint8Array; readonly hashes: Hash[]; readonly count: number };

// The lines go to the file as they came; only the hashes are looked for in them.
async function* pagesOf(response: Response): AsyncGenerator<PageOfLines> {
  let rest = Buffer.alloc(0);
  for await (const chunk of response.body ?? []) {
    const all = Buffer.concat([rest, chunk]);
    const end = all.lastIndexOf("\n") + 1;
    rest = all.subarray(end);
    const bytes = all.subarray(0, end);
    const lines = bytes.toString().split("\n").slice(0, -1);
    // The first "hash" of a line is the frame's own: the topic and the id before it have no quotes.
    const hashes = lines.flatMap((line) => /,"hash":"([^"]+)","meta":/.exec(line)?.[1] ?? []).map(parseHash);
    yield { bytes, hashes, count: lines.length };
  }
  if (rest.length > 0) throw new XsError("internal", "the server ended the stream in the middle of a frame");
}

// Written under another name until it is whole and right. False when the store has lost it, or has it damaged.
async function fetchContent(client: Client, dir: string, hash: Hash): Promise<boolean> {
  const path = dumpPath(dir, hash);
  const partial = `${path}.partial`;
  const hasher = new Bun.CryptoHasher("sha256");
  const file = openSync(partial, "wx", 0o600);
  try {
    const response = await client.content(hash);
    for await (const chunk of response.body ?? []) {
      hasher.update(chunk);
      writeWhole(file, chunk);
    }
    fsyncSync(file);
  } catch (error) {
    if (isDiskError(error)) throw error;
    if (error instanceof XsError && error.code !== "not_found" && error.code !== "internal") throw error;
    hasher.update("damaged");
  } finally {
    closeSync(file);
  }
  if (hashOf(hasher.digest()) === hash) {
    renameSync(partial, path);
    return true;
  }
  rmSync(partial);
  return false;
}

const isDiskError = (error: unknown): boolean => (error as NodeJS.ErrnoException).syscall === "write";

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}
