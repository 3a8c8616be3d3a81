// Standard input as content: whole when it is small, as a file when it is one, else as a stream.
import type { Client } from "../http/client.ts";

const STDIN = 0;
// A body this small is sent with its length, which spares the server a stream; it also decides whether there is any at all.
const WHOLE_BYTES_MAX = 64 * 1024;
// Input that is not there by then is long: a command that works, or a person.
const LONG_INPUT_MS = 10;

/** Content as it comes in: bytes, a file that the kernel can send by itself, or a stream. */
export type Input = Uint8Array | Blob | ReadableStream<Uint8Array>;

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
export async function readContent(client: Client): Promise<Input | null> {
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

/** The same chunk by chunk. */
export function chunksOf(input: Input | null): AsyncIterable<Uint8Array> {
  if (input === null) return new Blob([]).stream();
  return input instanceof Uint8Array ? new Blob([input]).stream() : input instanceof Blob ? input.stream() : input;
}

async function readStdin(): Promise<Input | null> {
  // Of what is no file the size is not known.
  const file = Number.isFinite(Bun.stdin.size) ? await import("./stdin-file.ts") : null;
  const rest = file?.restOfFile(WHOLE_BYTES_MAX);
  if (rest) return rest;
  const read = file ? file.readFile : readStream();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size <= WHOLE_BYTES_MAX) {
    const chunk = await read();
    if (chunk === null) return size === 0 ? null : first.length === 1 ? (first[0] ?? null) : Buffer.concat(first);
    first.push(chunk);
    size += chunk.length;
  }
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = first.shift() ?? (await read());
      if (next === null) controller.close();
      else controller.enqueue(next);
    },
  });
}

function readStream(): () => Promise<Uint8Array | null> {
  const reader = Bun.stdin.stream().getReader();
  return async () => (await reader.read()).value ?? null;
}
