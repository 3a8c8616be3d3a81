// What a check finds: one fault each, named, with what to do about it.

/** Stable names of faults, for programs. */
export type FaultName =
  | "database_unreadable"
  | "database_header"
  | "database_schema"
  | "database_integrity"
  | "frame_text"
  | "frame_sum"
  | "frame_order"
  | "frame_position"
  | "frame_expires"
  | "frame_keep"
  | "frame_content"
  | "index_missing"
  | "index_dangling"
  | "retention_last"
  | "retention_time"
  | "mark_invalid"
  | "content_key"
  | "content_size"
  | "content_damaged"
  | "content_missing"
  | "content_duplicate"
  | "content_orphaned"
  | "file_stray"
  | "file_temporary";

export type Finding = {
  readonly fault: FaultName;
  /** What is wrong, in one line. */
  readonly message: string;
  /** What to do about it, in one line. */
  readonly action: string;
  readonly id?: string;
  readonly topic?: string;
  readonly hash?: string;
  readonly path?: string;
};

export const REPAIR = "run: xs check --repair";
export const RESTORE = "restore the store from a backup, or save what can be read with xs export";

/** Told as a check goes on: how many of what are done. */
export type Progress = (done: number, unit: "frames" | "contents" | "files") => void;
