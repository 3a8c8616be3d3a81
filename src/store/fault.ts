// What a failed disk or database means to a caller: which code it gets, and whether the server may go on.
import { SQLiteError } from "bun:sqlite";
import { XsError } from "../error.ts";

// https://www.sqlite.org/rescode.html: the low byte of an extended code is its class.
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

const NO_SPACE: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);
const READ_ONLY: ReadonlySet<string> = new Set(["EROFS", "EACCES", "EPERM"]);
const NO_DESCRIPTORS: ReadonlySet<string> = new Set(["EMFILE", "ENFILE"]);

/** A failure as told to callers; `fatal` when the disk can no longer be trusted and nothing more may be acknowledged. */
export type Fault = { readonly error: XsError; readonly fatal: boolean };

/** What the database or the file system says of an error, with the name that it gives it. */
export const detailOf = (error: Error): string =>
  error instanceof SQLiteError && error.code !== undefined ? `${error.code}: ${error.message}` : error.message;

/** Classifies an error that the database or the file system threw; undefined when it came from neither. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof SQLiteError) return databaseFault(error);
  const { code, syscall = "a call", message } = error as NodeJS.ErrnoException;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  if (NO_SPACE.has(code)) return noSpace();
  if (READ_ONLY.has(code)) return readOnly();
  if (NO_DESCRIPTORS.has(code)) {
    return {
      error: new XsError("unavailable", "too many open files; close some connections and try again"),
      fatal: false,
    };
  }
  return diskFailed(`${syscall}: ${message}`);
}

/** A failure as it is told of a read or a copy. It leaves nothing in doubt, so that the server goes on: the rest may be whole. */
export function readFault(error: unknown): unknown {
  const fault = error instanceof XsError ? undefined : faultOf(error);
  if (fault === undefined) return error;
  if (!fault.fatal) return fault.error;
  return new XsError(
    "internal",
    `the disk failed (${detailOf(error as Error)}): nothing was changed; run: xs check <store>`,
  );
}

/** Reads; what the database or the file system says is told as an `XsError`. */
export function reading<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw readFault(error);
  }
}

/** The same for what takes its time. */
export async function readingSlowly<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw readFault(error);
  }
}

function databaseFault(error: SQLiteError): Fault {
  switch (error.errno & 0xff) {
    case FULL:
      return noSpace();
    case READONLY:
      return readOnly();
    case IOERR:
      return diskFailed(detailOf(error));
    case CORRUPT:
    case NOTADB:
      return {
        error: new XsError("internal", `the database is damaged (${error.message}); run: xs check <store>`),
        fatal: false,
      };
    case BUSY:
      return { error: new XsError("unavailable", "the database is held by another process; try again"), fatal: false };
    case CANTOPEN:
      return { error: new XsError("unavailable", "the database cannot open a file it needs; try again"), fatal: false };
    default:
      return { error: new XsError("internal", `the database refused: ${error.message}`), fatal: false };
  }
}

const noSpace = (): Fault => ({
  error: new XsError(
    "no_space",
    "no space left on the device of the store: nothing was stored; free some and try again",
  ),
  fatal: false,
});

const readOnly = (): Fault => ({
  error: new XsError(
    "unavailable",
    "the store cannot be written (read-only file system or permissions): nothing was stored",
  ),
  fatal: false,
});

// After a failed write or fsync the kernel may have dropped what it held, so what is on disk is unknown until a restart
// reads it again: https://wiki.postgresql.org/wiki/Fsync_Errors.
const diskFailed = (detail: string): Fault => ({
  error: new XsError(
    "unavailable",
    `the disk failed (${detail}): whether this was stored is not known; the server stops, and a restart tells`,
  ),
  fatal: true,
});
