// Addresses: where a store is reached, from what a person types, as far as the text alone says it.
import { invalid, quote } from "../error.ts";

/** Where requests go: a base URL without a slash at its end, and the socket or the authorization that goes with it. */
export type Address = {
  readonly base: string;
  readonly unix: string | null;
  readonly authorization: string | null;
};

/**
 * Reads an address: a store directory (its `sock` is used), a path to a socket, `:PORT`, `HOST:PORT`, or
 * `http(s)://[user:token@]host[:port][/prefix]`. What is no URL is taken for a directory here, which it is most often;
 * `lookUp` tells whether it is one. Throws `invalid`.
 */
export function parseAddress(text: string): Address {
  if (text === "") throw invalid("the address is empty; it is a store directory, a socket, HOST:PORT or a URL");
  return /^https?:\/\//.test(text) ? urlAddress(text) : socketAddress(`${text}/sock`);
}

/** The address of a socket. */
export const socketAddress = (path: string): Address => ({ base: "http://localhost", unix: path, authorization: null });

/** The address that a URL names. Throws `invalid`. */
export function urlAddress(text: string): Address {
  const url = URL.parse(text);
  if (!url) throw invalid(`${quote(text)} is not a URL`);
  const { username, password } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization = username || password ? `Basic ${Buffer.from(credentials).toString("base64")}` : null;
  return { base: `${url.origin}${url.pathname.replace(/\/+$/, "")}`, unix: null, authorization };
}
