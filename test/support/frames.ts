// Frames with ids of the test's choosing, for imports.
import { type Frame, parseFrame } from "../../src/frame/frame.ts";
import { type Id, packId } from "../../src/frame/id.ts";

/** An id at a time, the n-th of its millisecond. */
export const idAt = (timeMs: number, n = 0): Id => packId(timeMs, n.toString(10).padStart(16, "0"));

/** A frame with this id. */
export const frameAt = (id: Id, topic = "imported", ttl = "forever", hash: string | null = null): Frame =>
  parseFrame(JSON.stringify({ topic, id, hash, meta: null, ttl }));

/** A shuffled copy; `random` answers numbers from 0 up to 1. */
export function shuffled<T>(values: readonly T[], random: () => number): T[] {
  const copy = [...values];
  for (let at = copy.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [copy[at], copy[other]] = [copy[other] as T, copy[at] as T];
  }
  return copy;
}

/** Numbers from 0 up to 1 that are the same for the same seed (https://en.wikipedia.org/wiki/Linear_congruential_generator). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
