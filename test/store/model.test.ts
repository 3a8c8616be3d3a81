// A randomised run of appends, imports, removals of nothing, and readers that pause, against what readers must see.
import { expect, test } from "bun:test";
import type { Id } from "../../src/frame/id.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { frameAt, idAt, randomFrom } from "../support/frames.ts";
import { draft, type Follower, idOf, readIds, startReading } from "../support/read.ts";
import { withStore } from "../support/store.ts";

type Watched = { readonly follower: Follower; readonly before: ReadonlySet<string>; readonly isNew: boolean };

// 100 of these are more than the feed holds, so that a reader that pauses lags.
const HEAVY = `"${"x".repeat(100_000)}"`;
// A copy: a substring would hold the line that it was taken from.
const idAlone = (line: string): string => Buffer.from(idOf(line)).toString();

async function run(store: Store, clock: { ms: number }, random: () => number): Promise<void> {
  const appended: Id[] = [];
  const all = new Set<string>();
  const watched: Watched[] = [];
  const beginMs = clock.ms - 10_000;
  const times = (count: number): number => Math.floor(random() * count);
  const imports = async (): Promise<void> => {
    // Anywhere from long ago to now: into history, between frames, above the newest frame yet below a marker.
    const nearNow = random() < 0.5;
    const ids = Array.from({ length: 1 + times(20) }, () =>
      idAt(nearNow ? clock.ms - times(20) : beginMs + times(10_000), times(4)),
    ).filter((id) => !all.has(id));
    const frames = [...new Set(ids)].map((id) => frameAt(id, "t.imported"));
    await store.import(frames);
    for (const { id } of frames) all.add(id);
  };
  const append = async (count: number, meta = "null"): Promise<void> => {
    const frames = await Promise.all(
      Array.from({ length: count }, () => store.append(draft("t.own", "forever", meta))),
    );
    for (const { id } of frames) {
      appended.push(id);
      all.add(id);
    }
  };
  for (let step = 0; step < 80; step++) {
    clock.ms += times(15);
    const dice = random();
    if (dice < 0.35) await append(1 + times(40));
    else if (dice < 0.39) await append(100, HEAVY);
    else if (dice < 0.65) await imports();
    else if (dice < 0.75 && watched.length < 12) {
      const isNew = random() < 0.4;
      const before = new Set(isNew ? all : []);
      const follower = startReading(store, isNew ? { new: "" } : { topic: "t.*" }, idAlone);
      // Held at once, it stands in its history while more comes.
      if (random() < 0.6) follower.hold();
      watched.push({ follower, before, isNew });
    } else {
      for (const { follower } of watched) {
        if (random() < 0.7) follower.hold();
        else follower.resume();
      }
      await Bun.sleep(0);
    }
  }
  const last = await store.append(draft("t.own"));
  appended.push(last.id);
  all.add(last.id);
  expect(await readIds(store)).toEqual([...all].sort());
  for (const { follower, before, isNew } of watched) {
    follower.resume();
    const expected = [...all].filter((id) => !before.has(id)).sort();
    const seen = (): string[] => follower.lines.filter((id) => id !== "threshold");
    await eventually("the follower has the last frame", () => seen().length >= expected.length);
    await follower.stop();
    const ids = seen();
    expect(ids.toSorted()).toEqual(expected);
    const own = new Set<string>(appended);
    expect(ids.filter((id) => own.has(id))).toEqual(appended.filter((id) => !before.has(id)));
    expect(follower.lines.filter((line) => line === "threshold")).toHaveLength(isNew ? 0 : 1);
  }
}

const SEEDS = Array.from({ length: Number(process.env.XS_TEST_SEEDS ?? 3) }, (_, n) => [n + 1] as const);

test.each(SEEDS)(
  "each follower sees each frame once, those that were appended in order, however it pauses (seed %d)",
  (seed) => withStore((store, clock) => run(store, clock, randomFrom(seed))),
  30_000,
);
