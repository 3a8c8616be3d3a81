// Standard input as content: whole when it is small, as a stream when it is not.
import { fstatSync, statSync } from "node:fs";

const STDIN = 0;
// A body this small is sent with its length, which spares the server a stream; it also decides whether there is any at all.
const WHOLE_BYTES_MAX = 64 * 1024;

/** Whether a person types at stdin: then it is no content. */
export function isTerminal(): boolean {
  const stdin = fstatSync(STDIN);
  // Only a device can be one, and most often that is /dev/null: loading node:tty takes longer than the rest of an append.
  if (!stdin.isCharacterDevice() || stdin.rdev === statSync("/dev/null", { throwIfNoEntry: false })?.rdev) return false;
  return process.getBuiltinModule("node:tty").isatty(STDIN);
}

/** What comes over stdin; null for nothing at all, or when it is a terminal. */
export async function readContent(): Promise<Uint8Array | ReadableStream<Uint8Array> | null> {
  if (isTerminal()) return null;
  const reader = Bun.stdin.stream().getReader();
  const first: Uint8Array[] = [];
  let size = 0;
  while (size <= WHOLE_BYTES_MAX) {
    const { done, value } = await reader.read();
    if (done) return size === 0 ? null : Buffer.concat(first);
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
