// How long a frame is kept.
import { invalid, quote } from "../error.ts";
import { type Id, timeOf } from "./id.ts";

/** `time` counts milliseconds from the id's time; `last` keeps that many of the topic's newest frames. */
export type Ttl =
  | { readonly kind: "forever" }
  | { readonly kind: "ephemeral" }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "last"; readonly count: number };

export const FOREVER: Ttl = { kind: "forever" };

const EXPECTED = "forever, ephemeral, time:<milliseconds> or last:<count, 1 or more>";

/** Reads the text form; `head:<n>` is an older name of `last:<n>`. Throws `invalid`. */
export function parseTtl(text: string): Ttl {
  if (text === "forever") return FOREVER;
  if (text === "ephemeral") return { kind: "ephemeral" };
  const [kind, digits = ""] = split(text);
  const value = /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isSafeInteger(value)) {
    if (kind === "time") return { kind: "time", ms: value };
    if ((kind === "last" || kind === "head") && value >= 1) return { kind: "last", count: value };
  }
  throw invalid(`ttl: ${quote(text)} is not a time to live; use ${EXPECTED}`);
}

function split(text: string): [string, string?] {
  const colon = text.indexOf(":");
  return colon === -1 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** The text form that `parseTtl` reads back. */
export function formatTtl(ttl: Ttl): string {
  switch (ttl.kind) {
    case "time":
      return `time:${ttl.ms}`;
    case "last":
      return `last:${ttl.count}`;
    default:
      return ttl.kind;
  }
}

/** The first millisecond since 1970 at which the frame is no longer visible; null when time does not end it. */
export const expiresAt = (id: Id, ttl: Ttl | null): number | null =>
  ttl?.kind === "time" ? Math.min(timeOf(id) + ttl.ms, Number.MAX_SAFE_INTEGER) : null;
