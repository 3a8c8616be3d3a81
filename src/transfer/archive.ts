// The dump: a directory with frames.jsonl, a frame a line in order of id, and cas/, a file a content.
//
//   <dir>/frames.jsonl
//   <dir>/cas/c2hhMjU2LTdYQUN0RG5w...   named by the base64 of the hash's text, as the original names it
import { join } from "node:path";
import type { Hash } from "../frame/hash.ts";

export const framesPath = (dir: string): string => join(dir, "frames.jsonl");

export const contentDir = (dir: string): string => join(dir, "cas");

/** The file of content in a dump. The base64 of such a hash has neither + nor /, for it is made of ASCII letters. */
export const dumpPath = (dir: string, hash: Hash): string =>
  join(contentDir(dir), Buffer.from(hash).toString("base64"));

/** Told as a transfer goes on; `done` counts frames. */
export type Progress = (done: number) => void;

/** Runs tasks with at most `width` of them at once; throws the first failure once those begun have ended. */
export async function inParallel<T>(
  items: Iterable<T>,
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await task(next.value);
  };
  const results = await Promise.allSettled(Array.from({ length: width }, lane));
  const failed = results.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}
