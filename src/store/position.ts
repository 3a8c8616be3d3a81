// Positions: the integer key under which a frame is stored, ordered exactly as the ids are.
//
// A ULID has 128 bits, and a clustered key that wide halves what a disk page and a second can hold. So a frame's key is
// its millisecond times 4,096, or the key after its predecessor where that is taken. Frames from this server never
// collide; a frame imported between two neighbours may push some of them up by one (store/frames.ts).
import { type Id, timeOf } from "../frame/id.ts";

// 2020-01-01 in ms: with 4,096 keys a millisecond, JavaScript's exact integers then reach from 1951 to the year 2089.
const EPOCH_MS = 1_577_836_800_000;
const KEYS_PER_MS = 4_096;

/** The lowest key that a frame with this id may have: every frame of an earlier millisecond that is in place lies below. */
export const naturalPosition = (id: Id): number =>
  Math.min((timeOf(id) - EPOCH_MS) * KEYS_PER_MS, Number.MAX_SAFE_INTEGER);

/** Finds the first stored frame at a position or above. */
export type Probe = (pos: number) => { readonly pos: number; readonly id: Id } | null;

/** The position from which on every stored frame has this id or a later one, and below which none has. O(log) probes. */
export function seek(probe: Probe, id: Id): number {
  const isBelow = (pos: number): number | null => {
    const found = probe(pos);
    return found !== null && found.id < id ? found.pos : null;
  };
  let low = naturalPosition(id);
  let below = isBelow(low);
  if (below === null) return low;
  low = below + 1;
  let step = 1;
  while ((below = isBelow(low + step)) !== null) {
    low = below + 1;
    step *= 2;
  }
  let high = low + step;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    below = isBelow(middle);
    if (below === null) high = middle;
    else low = below + 1;
  }
  return low;
}
