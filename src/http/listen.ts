// Listening: the API on the store's unix socket, which only its owner can open.
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import http from "node:http";
import type { Server } from "bun";
import type { Hono } from "hono";
import { invalid, XsError } from "../error.ts";
import { checkSocketPath } from "./look-up.ts";
import { problemResponse } from "./status.ts";

// All headers of a request together. Meta of 128 KiB has 175,000 characters in base64; what is larger yet should meet our
// own message, not a bare 431.
const HEADER_BYTES_MAX = 4 * 1024 * 1024;
// Content streams to the disk, so that the disk is the bound.
const BODY_BYTES_MAX = Number.MAX_SAFE_INTEGER;
// How long a stop waits for requests that are under way, and then for followers to take their last frames.
const FINISH_MS_MAX = 5_000;
const LEAVE_MS_MAX = 1_000;

/** A listener that is up. */
export type Listener = {
  /** Refuses new requests and resolves when those under way are answered, or after 5 seconds. */
  readonly finish: () => Promise<void>;
  /** Closes every connection and removes the socket. */
  readonly close: () => Promise<void>;
};

/** Listens at a socket path, under the store's lock: a socket that stands there is a dead one's and is replaced. */
export function listen(app: Hono, socketPath: string): Listener {
  const path = checkSocketPath(socketPath);
  removeStaleSocket(path);
  // Bun takes this limit from node:http's.
  (http as { maxHeaderSize: number }).maxHeaderSize = HEADER_BYTES_MAX;
  let underWay = 0;
  let isFinishing = false;
  let onIdle: () => void = () => undefined;
  const onAnswered = (): void => {
    if (--underWay === 0) onIdle();
  };
  // Quiet followers stay for days; the default would cut them after 10 seconds. Stalled bodies have their own deadline.
  // Bun's types leave this option out for a unix socket, where it counts all the same.
  const noIdleTimeout: object = { idleTimeout: 0 };
  const server: Server<undefined> = Bun.serve({
    ...noIdleTimeout,
    unix: path,
    development: false,
    maxRequestBodySize: BODY_BYTES_MAX,
    fetch(request) {
      if (isFinishing) return problemResponse(new XsError("unavailable", "the server is stopping; try again"));
      // Without a host Bun leaves the URL relative, and the routes would cut its path at the wrong place. What the host is does
      // not matter to them, nor whether it could be one.
      if (request.url.startsWith("/"))
        return problemResponse(invalid("the request has no host, or one that is no host"));
      const answer = app.fetch(request);
      if (!(answer instanceof Promise)) return answer;
      underWay++;
      // Beside the answer, not around it: a promise around each would cost a request more than its routing.
      answer.then(onAnswered, onAnswered);
      return answer;
    },
    error(error) {
      console.error(error);
      return problemResponse(new XsError("internal", "internal error; the server's log says more"));
    },
  });
  chmodSync(path, 0o600);
  return {
    async finish() {
      isFinishing = true;
      if (underWay === 0) return;
      await Promise.race([new Promise<void>((resolve) => (onIdle = resolve)), Bun.sleep(FINISH_MS_MAX)]);
    },
    async close() {
      // Resolves when the last connection is gone; a reader that does not read would hold it up.
      await Promise.race([server.stop(), Bun.sleep(LEAVE_MS_MAX)]);
      await server.stop(true);
    },
  };
}

function removeStaleSocket(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return;
  if (!stat.isSocket())
    throw new XsError("conflict", `${path} is not a socket, and the server needs that name; move it away`);
  try {
    unlinkSync(path);
  } catch (error) {
    throw new XsError(
      "unavailable",
      `${path} is left from a server that has ended, and cannot be removed: ${(error as Error).message}`,
    );
  }
}
