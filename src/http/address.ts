// Addresses: where a store is reached, from what a person types.
import { statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { invalid, quote } from "../error.ts";

/** Where requests go: a base URL without a slash at its end, and the socket or the authorization that goes with it. */
export type Address = {
  readonly base: string;
  readonly unix: string | null;
  readonly authorization: string | null;
};

// sun_path has 108 bytes on Linux and 104 on macOS, a NUL among them.
const SOCKET_PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/**
 * Reads an address: a store directory (its `sock` is used), a path to a socket, `:PORT`, `HOST:PORT`, or
 * `http(s)://[user:token@]host[:port][/prefix]`. A bare name is a directory. Throws `invalid`.
 */
export function parseAddress(text: string): Address {
  if (text === "") throw invalid("the address is empty; it is a store directory, a socket, HOST:PORT or a URL");
  if (/^https?:\/\//.test(text)) return parseUrl(text);
  const kind = statSync(text, { throwIfNoEntry: false });
  if (kind === undefined && /^[A-Za-z0-9.-]*:[0-9]{1,5}$/.test(text)) {
    return parseUrl(`http://${text.startsWith(":") ? "localhost" : ""}${text}`);
  }
  const path = kind?.isSocket() ? text : join(text, "sock");
  return { base: "http://localhost", unix: checkSocketPath(path), authorization: null };
}

function parseUrl(text: string): Address {
  const url = URL.parse(text);
  if (!url) throw invalid(`${quote(text)} is not a URL`);
  const { username, password } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = username || password ? `Basic ${Buffer.from(credentials).toString("base64")}` : null;
  return { base: `${url.origin}${url.pathname.replace(/\/+$/, "")}`, unix: null, authorization };
}

/** A path at which a socket can be reached: the shorter of its absolute and relative form. Throws `invalid` when both are too long. */
export function checkSocketPath(path: string): string {
  const [absolute, fromHere] = [resolve(path), relative(process.cwd(), path)];
  const shorter = Buffer.byteLength(absolute) <= SOCKET_PATH_BYTES_MAX ? absolute : fromHere;
  const bytes = Buffer.byteLength(shorter);
  if (bytes <= SOCKET_PATH_BYTES_MAX) return shorter;
  throw invalid(
    `${path}: a socket's path may have ${SOCKET_PATH_BYTES_MAX} bytes, this one has ${bytes}; use a shorter directory`,
  );
}
