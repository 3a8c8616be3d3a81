// Looking up: what stands at an address. Loaded only where the text of an address is not enough, for node:fs and node:path
// take longer than all else that a client does before it connects.
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { invalid, XsError } from "../error.ts";
import { type Address, parseAddress, socketAddress, urlAddress } from "./address.ts";

// sun_path has 108 bytes on Linux and 104 on macOS, a NUL among them.
const SOCKET_PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;

/** Reads an address as `parseAddress` does, and looks what stands there. Throws `invalid`, or `unavailable` where no socket is. */
export function lookUp(text: string): Address {
  const address = locate(text);
  if (address.unix !== null && !existsSync(address.unix)) throw noStore(text, dirname(address.unix));
  return address;
}

/** Reads an address; a bare name is a directory, there or not. Throws `invalid`. */
export function locate(text: string): Address {
  const guess = parseAddress(text);
  if (guess.unix === null) return guess;
  const kind = statSync(text, { throwIfNoEntry: false });
  if (kind === undefined && /^[A-Za-z0-9.-]*:[0-9]{1,5}$/.test(text)) {
    return urlAddress(`http://${text.startsWith(":") ? "localhost" : ""}${text}`);
  }
  return socketAddress(checkSocketPath(kind?.isSocket() ? text : join(text, "sock")));
}

function noStore(address: string, dir: string): XsError {
  const name = address.replace(/\/sock$/, "");
  if (!existsSync(dir)) return new XsError("unavailable", `no store at ${name}; start one with: xs serve ${name}`);
  return new XsError("unavailable", `no server at ${name}; start it with: xs serve ${name}`);
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
