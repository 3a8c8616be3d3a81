// Standard input as content: whole when it is small, as a stream when it is not.
import type { Client } from "../http/client.ts";

const STDIN = 0;
// A body this small is sent with its length, which spares the server a stream; it also decides whether there is any at all.
const WHOLE_BYTES_MAX = 64 * 1024;
// Input that is not there by then is long: a command that works, or a person.
const LONG_INPUT_MS = 10;

/** Whether a person types at stdin: then it is no content. */
export async function isTerminal(): Promise<boolean> {
  // Of what is neither a file nor a pipe, only a device can be one, and most often that is /dev/null: loading node:tty
  // takes longer than the rest of an append.
  if (await Bun.stdin.exists()) return false;
  const stdin = await Bun.stdin.stat();
  return (
    stdin.isCharacterDevice() && !(await isNothing(stdin.rdev)) && process.getBuiltinModule("node:tty").isatty(STDIN)
  );
}

const isNothing = (device: number): Promise<boolean> =>
  Bun.file("/dev/null")
    .stat()
    .then(
      ({ rdev }) => rdev === device,
      () => false,
    );

/**
 * What comes over stdin, to be sent to this store; null for nothing at all, or when it is a terminal. Throws
 * `unavailable` where there is no store, without waiting for the end of a long input.
 */
export async function readContent(client: Client): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  if (await isTerminal()) return null;
  const reading = readStdin();
  const content = await Promise.race([
    reading,
    Bun.sleep(LONG_INPUT_MS)
      .then(() => client.checkReachable())
      .then(() => reading),
  ]);
  // A stream cannot be sent again, and so it must go to the right place.
  if (content instanceof ReadableStream) await client.checkReachable();
  return content;
}

async function readStdin(): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  const reader = Bun.stdin.stream().getReader();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size <= WHOLE_BYTES_MAX) {
    const { done, value } = await reader.read();
    if (done) return size === 0 ? null : first.length === 1 ? (first[0] ?? null) : Buffer.concat(first);
    first.push(value);
    size += value.length;
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = first.shift();
      if (next) return controller.enqueue(next);
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => reader.cancel(),
  });
}
