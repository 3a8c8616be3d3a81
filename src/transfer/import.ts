// Import: a dump directory into a store, chunk by chunk, each chunk's content before its frames.
import { createReadStream, existsSync, statSync } from "node:fs";
import { XsError } from "../error.ts";
import { formatFrame, type Frame, parseFrame } from "../frame/frame.ts";
import type { Hash } from "../frame/hash.ts";
import type { Client } from "../http/client.ts";
import { BATCH_BYTES_MAX, BATCH_FRAMES_MAX, decodeLines, LINE_CHARS_MAX } from "../http/wire.ts";
import { dumpPath, framesPath, inParallel, type Progress } from "./archive.ts";
import { convertId } from "./reid.ts";

// Content goes in over this many connections, so that many share one commit.
const SEND_WIDTH = 32;

export type ImportOptions = { readonly reid: boolean; readonly progress: Progress };

/** What an import did. Frames whose content is nowhere to be had are left out, and that content is named. */
export type ImportResult = {
  readonly imported: number;
  readonly existing: number;
  readonly expired: number;
  readonly missing: readonly { readonly id: string; readonly hash: Hash }[];
};

type Counts = { imported: number; existing: number; expired: number };

/** Imports a dump directory. Throws `XsError` at the first fault; what was imported by then stays, and again is safe. */
export async function importDump(client: Client, dir: string, options: ImportOptions): Promise<ImportResult> {
  const path = framesPath(dir);
  if (!existsSync(path)) {
    const hint = existsSync(`${path}.partial`) ? "; its export was interrupted" : "";
    throw new XsError("not_found", `${dir} is not a dump: it has no frames.jsonl${hint}`);
  }
  const counts: Counts = { imported: 0, existing: 0, expired: 0 };
  const missing: { id: string; hash: Hash }[] = [];
  const sent = new Set<Hash>();
  let done = 0;
  for await (const chunk of chunksOf(createReadStream(path), options.reid)) {
    const frames = await sendContent(client, dir, chunk, sent, missing);
    if (frames.length > 0)
      addCounts(counts, await client.import(frames.map((frame) => `${formatFrame(frame)}\n`).join("")), frames.length);
    options.progress((done += chunk.length));
  }
  return { ...counts, missing };
}

/** Reads NDJSON and answers it as the store takes it, with the ids of the original converted. */
export async function* convertLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunksOf(input, true))
    yield Buffer.from(chunk.map((frame) => `${formatFrame(frame)}\n`).join(""));
}

// Each chunk becomes one request, and one transaction of the store.
async function* chunksOf(input: AsyncIterable<Uint8Array>, reid: boolean): AsyncGenerator<Frame[]> {
  let [chunk, bytes, number] = [[] as Frame[], 0, 0];
  for await (const lines of decodeLines(input, LINE_CHARS_MAX)) {
    for (const line of lines) {
      number++;
      if (line === "") continue;
      chunk.push(parseLine(line, number, reid));
      bytes += line.length;
      if (chunk.length < BATCH_FRAMES_MAX && bytes < BATCH_BYTES_MAX) continue;
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
  }
  if (chunk.length > 0) yield chunk;
}

function parseLine(line: string, number: number, reid: boolean): Frame {
  try {
    return parseFrame(reid ? convertId(line) : line);
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    const hint = /original xs/.test(error.message) ? "; convert it with: xs import --reid" : "";
    throw new XsError(error.code, `frames.jsonl, line ${number}: ${error.message}${hint}`);
  }
}

// Sends the content of these frames that has not been sent, and answers the frames that the store can take.
async function sendContent(
  client: Client,
  dir: string,
  frames: readonly Frame[],
  sent: Set<Hash>,
  missing: { id: string; hash: Hash }[],
): Promise<Frame[]> {
  const hashes = new Set(frames.flatMap(({ hash }) => (hash !== null && !sent.has(hash) ? [hash] : [])));
  const absent = new Set<Hash>();
  await inParallel(hashes, SEND_WIDTH, async (hash) => {
    if (await sendOne(client, dumpPath(dir, hash), hash)) sent.add(hash);
    else absent.add(hash);
  });
  return frames.filter(({ id, hash }) => {
    if (hash === null || !absent.has(hash)) return true;
    missing.push({ id, hash });
    return false;
  });
}

// False when neither the dump nor the store has the content.
async function sendOne(client: Client, path: string, hash: Hash): Promise<boolean> {
  if (!existsSync(path)) return client.hasContent(hash);
  // A small body is sent quicker than it is asked for.
  const isLarge = statSync(path).size > 64 * 1024;
  if (isLarge && (await client.hasContent(hash))) return true;
  const stored = await client.putContent(isLarge ? Bun.file(path) : await Bun.file(path).bytes());
  if (stored === hash) return true;
  throw new XsError("invalid", `${path} is damaged: its content has the hash ${stored}, and its name says ${hash}`);
}

function addCounts(counts: Counts, answer: string, frames: number): void {
  const more = JSON.parse(answer) as Partial<Counts>;
  // For a single frame the server answers that frame.
  if (more.imported === undefined) counts.imported += frames;
  counts.imported += more.imported ?? 0;
  counts.existing += more.existing ?? 0;
  counts.expired += more.expired ?? 0;
}
