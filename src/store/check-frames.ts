// Checks of frames: each line is what it says, in its place, with the columns that follow from it.
import type { Database } from "bun:sqlite";
import { XsError } from "../error.ts";
import { formatFrame, type Frame, idInLine, parseFrame } from "../frame/frame.ts";
import { hashOf } from "../frame/hash.ts";
import type { Id } from "../frame/id.ts";
import { checkMayBeStored, parseTopic, type Topic } from "../frame/topic.ts";
import { expiresAt } from "../frame/ttl.ts";
import type { IndexCheck } from "./check-index.ts";
import { type Finding, type Progress, REPAIR } from "./finding.ts";
import { sumOf } from "./frames.ts";
import { naturalPosition } from "./position.ts";
import { walk } from "./walk.ts";

// A line may have some 130 KiB, and a page of them is held in memory.
const PAGE_FRAMES = 256;
// How long after its time a frame may still be there while a server runs, which looks every half second.
const EXPIRED_MS_MAX = 10_000;

export type FrameRow = {
  readonly pos: number;
  /** As SQL takes it from the line, whether it is one or not; the id likewise. */
  readonly topic: string | null;
  readonly id: string;
  readonly line: string;
  readonly sum: number;
  readonly expires: number | null;
  readonly content_id: number | null;
  readonly keep: number | null;
};

/** All rows of the frame table in order of position, a page at a time. */
export function frameRows(db: Database): Generator<readonly FrameRow[]> {
  const next = db.prepare<FrameRow, [number]>(
    `SELECT pos, topic, id, line, sum, expires, content_id, keep FROM frame WHERE pos > ? ORDER BY pos LIMIT ${PAGE_FRAMES}`,
  );
  return walk(
    (after) => next.all(after),
    ({ pos }) => pos,
  );
}

/** The topic under which a row is listed, also where its line is damaged; null when that is none. */
export function topicOf({ topic }: Pick<FrameRow, "topic">): Topic | null {
  try {
    return parseTopic(topic ?? "");
  } catch {
    return null;
  }
}

/** The frame in a row; null when its line is not, byte for byte, the one that was stored. */
export function soundFrame({ line, sum }: Pick<FrameRow, "line" | "sum">): Frame | null {
  const frame = sumOf(line) === sum ? parsed(line) : "";
  return typeof frame === "string" ? null : frame;
}

export type FramesChecked = { frames: number; readonly damaged: Set<number> };

/**
 * Checks every frame. Notes in `checked` how many there are and the positions of those whose line is damaged; such a
 * frame is not looked at further.
 */
export function* checkFrames(
  db: Database,
  checked: FramesChecked,
  { servedAtMs, index, progress }: { servedAtMs: number | null; index: IndexCheck; progress: Progress },
): Generator<Finding> {
  const digestOfContent = db.prepare<{ digest: Uint8Array }, [number]>(
    "SELECT digest FROM content WHERE content_id = ?",
  );
  let previous: Id | null = null;
  for (const rows of frameRows(db)) {
    for (const row of rows) {
      const topic = topicOf(row);
      if (topic !== null) index.add(topic, row.pos);
      const frame = parsed(row.line);
      if (sumOf(row.line) !== row.sum || typeof frame === "string") {
        checked.damaged.add(row.pos);
        yield damagedFrame(row, frame);
        continue;
      }
      yield* checkPlace(frame.id, row.pos, previous);
      yield* checkColumns(
        frame,
        row,
        row.content_id === null ? null : (digestOfContent.get(row.content_id)?.digest ?? null),
      );
      if (servedAtMs !== null && row.expires !== null && row.expires <= servedAtMs - EXPIRED_MS_MAX) {
        yield {
          fault: "retention_time",
          message: `frame ${frame.id} of ${frame.topic} should be gone since ${new Date(row.expires).toISOString()}`,
          action: "see whether the disk is full or the server busy, or run: xs gc",
          id: frame.id,
          topic: frame.topic,
        };
      }
      previous = frame.id;
    }
    checked.frames += rows.length;
    progress(checked.frames, "frames");
  }
}

/** A quick look at a copy: the pages of the database and the checksum of every line. Notes how many frames there are. */
export function* checkSums(db: Database, counted: { frames: number }, progress: Progress): Generator<Finding> {
  const problems = db.query<{ quick_check: string }, []>("PRAGMA quick_check(10)").all();
  for (const { quick_check: problem } of problems) {
    if (problem !== "ok")
      yield {
        fault: "database_integrity",
        message: `the database is damaged: ${problem.replaceAll("\n", "; ")}`,
        action: REPAIR,
      };
  }
  for (const rows of frameRows(db)) {
    for (const row of rows) if (sumOf(row.line) !== row.sum) yield damagedFrame(row, "");
    counted.frames += rows.length;
    progress(counted.frames, "frames");
  }
}

// The frame of a line; a sentence when it is not the canonical line of a frame that may be stored.
function parsed(line: string): Frame | string {
  try {
    const frame = parseFrame(line);
    checkMayBeStored(frame.topic);
    if (formatFrame(frame) !== line) return "it is not in the canonical form";
    return frame.ttl?.kind === "ephemeral" ? "it is ephemeral, and such frames are never stored" : frame;
  } catch (error) {
    if (error instanceof XsError) return error.message;
    throw error;
  }
}

function damagedFrame({ line, pos, sum }: FrameRow, frame: Frame | string): Finding {
  const id = idInLine(line);
  const where = /^[0-9A-HJKMNP-TV-Z]{26}$/.test(id) ? { id: id as string } : {};
  const name = where.id ?? `at position ${pos}`;
  const action = `restore it from a backup, or remove it: xs remove <store> ${where.id ?? "<id>"}`;
  if (sumOf(line) !== sum)
    return {
      fault: "frame_sum",
      message: `frame ${name} is damaged: its checksum does not agree with its text`,
      action,
      ...where,
    };
  return { fault: "frame_text", message: `frame ${name} is damaged: ${String(frame)}`, action, ...where };
}

function* checkPlace(id: Id, pos: number, previous: Id | null): Generator<Finding> {
  if (previous !== null && id <= previous)
    yield {
      fault: "frame_order",
      message: `frame ${id} lies behind frame ${previous}`,
      action: "export the store and import it into a new one",
      id,
    };
  if (pos < naturalPosition(id))
    yield {
      fault: "frame_position",
      message: `frame ${id} lies before its time, at position ${pos}`,
      action: "export the store and import it into a new one",
      id,
    };
}

function* checkColumns(frame: Frame, row: FrameRow, digest: Uint8Array | null): Generator<Finding> {
  const { id, ttl, hash } = frame;
  const expires = expiresAt(id, ttl);
  if (row.expires !== expires)
    yield {
      fault: "frame_expires",
      message: `frame ${id} is noted to end at ${row.expires}, and its ttl says ${expires}`,
      action: REPAIR,
      id,
    };
  const keep = ttl?.kind === "last" ? ttl.count : null;
  if (row.keep !== keep)
    yield {
      fault: "frame_keep",
      message: `frame ${id} is noted to keep ${row.keep}, and its ttl says ${keep}`,
      action: REPAIR,
      id,
    };
  const noted = digest === null ? null : hashOf(digest);
  if (noted === hash && (row.content_id === null) === (hash === null)) return;
  const message =
    hash === null
      ? `frame ${id} has no content, and is noted to have some`
      : `frame ${id} has content ${hash}, and is noted to have ${noted ?? "none that the store knows"}`;
  yield {
    fault: "frame_content",
    message,
    action: `${REPAIR}, or send the content again: xs cas-post`,
    id,
    ...(hash === null ? {} : { hash }),
  };
}
