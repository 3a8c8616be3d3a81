// The one error that people see: a stable code and a sentence that says what happened and what to do next.

/** Stable codes of the contract; http/status.ts and cli/command.ts each answer for every one of them. */
export type ErrorCode =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "unavailable"
  | "no_space"
  | "internal";

/** An error whose message is meant for a person. Any other error is "internal" and its text is never shown. */
export class XsError extends Error {
  override readonly name = "XsError";

  /** `details` are further members of the problem document, such as how many frames were imported before the fault. */
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** The short form that parsers use: bad input, told in one sentence. */
export const invalid = (message: string): XsError => new XsError("invalid", message);

/** A value as it may be repeated to the person who typed it: quoted, one line, at most 80 characters. */
export function quote(value: string): string {
  const short = value.length > 80 ? `${value.slice(0, 80)}...` : value;
  return JSON.stringify(short);
}
