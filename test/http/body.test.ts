import { expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { chunkBody, type Chunks } from "../../src/http/body.ts";

const never = new AbortController().signal;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Chunks that come when the test says so. */
function rig(): { chunks: Chunks; come: (next: Uint8Array | null | Error) => void; left: () => number } {
  let [next, left]: [Uint8Array | null | Error | "later", number] = ["later", 0];
  let tell: () => void = () => undefined;
  return {
    chunks: {
      next(onNews) {
        const given = next;
        next = "later";
        if (given instanceof Error) throw given;
        if (given === "later") tell = onNews;
        return given;
      },
      leave: () => void left++,
    },
    come(given) {
      next = given;
      tell();
    },
    left: () => left,
  };
}

test("a body gives its opening, then each chunk when it comes, and ends", async () => {
  const { chunks, come } = rig();
  const reader = chunkBody(() => chunks, never, bytes("opening")).getReader();
  expect((await reader.read()).value).toEqual(bytes("opening"));
  for (const text of ["a", "b"]) {
    const reading = reader.read();
    come(bytes(text));
    expect((await reading).value).toEqual(bytes(text));
  }
  const end = reader.read();
  come(null);
  expect((await end).done).toBe(true);
});

test("a body whose chunks fail breaks off, and leaves them", async () => {
  const { chunks, come, left } = rig();
  const reading = chunkBody(() => chunks, never, null)
    .getReader()
    .read();
  come(new Error("a fault"));
  await expect(reading).rejects.toThrow("a fault");
  expect(left()).toBe(1);
});

test("a body that nobody reads any more leaves its chunks, whether it is cancelled or its request is", async () => {
  const [a, b] = [rig(), rig()];
  const reader = chunkBody(() => a.chunks, never, bytes("opening")).getReader();
  await reader.read();
  await reader.cancel();
  expect(a.left()).toBe(1);
  const request = new AbortController();
  void chunkBody(() => b.chunks, request.signal, null)
    .getReader()
    .read()
    .catch(() => undefined);
  request.abort();
  await eventually("it has left", () => b.left() > 0);
});
