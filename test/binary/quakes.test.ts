// The main job on real input: a week of earthquakes in, read, followed, pruned, exported, and once more in elsewhere.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { QUAKES, writeQuakeDump } from "../support/quakes.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, serve, xs } from "../support/xs.ts";

type Frame = { topic: string; id: string; hash: string; meta: { properties: { title: string } } };

const APPENDED = 25;

test("1,707 earthquakes become frames, are read and followed, pruned, exported, and are the same in a second store", async () => {
  const dir = temporaryDir();
  const first = await serve(join(dir.path, "first"), ["--quiet"]);
  const { addr } = first;
  expect(QUAKES).toHaveLength(1_707);

  // Followed while they arrive: in bulk, then one by one.
  const following = ok(["cat", addr, "-f", "-T", "quake.*", "--limit", String(QUAKES.length + APPENDED)]);
  writeQuakeDump(join(dir.path, "dump"));
  expect(JSON.parse(await ok(["import", addr, join(dir.path, "dump")]))).toEqual({
    imported: 1_707,
    existing: 0,
    expired: 0,
    missing: 0,
  });
  expect(JSON.parse(await ok(["import", addr, join(dir.path, "dump")]))).toEqual({
    imported: 0,
    existing: 1_707,
    expired: 0,
    missing: 0,
  });
  for (const { topic, meta, title } of QUAKES.slice(0, APPENDED))
    await ok(["append", addr, topic, "--meta", meta], { stdin: title });
  const followed = lines<Frame>(await following).filter(({ topic }) => topic !== "xs.threshold");
  expect(new Set(followed.map(({ id }) => id)).size).toBe(QUAKES.length + APPENDED);

  // Read by wildcard and by a list of patterns.
  const all = lines<Frame>(await ok(["cat", addr, "-T", "quake.*"]));
  expect(all.map(({ meta }) => JSON.stringify(meta))).toEqual(
    [...QUAKES, ...QUAKES.slice(0, APPENDED)].map(({ meta }) => meta),
  );
  const isWanted = ({ topic }: Frame): boolean => topic.startsWith("quake.ak.") || topic === "quake.ci.quarry-blast";
  const some = lines<Frame>(await ok(["cat", addr, "-T", "quake.ak.*,quake.ci.quarry-blast"]));
  expect(some.length).toBeGreaterThan(100);
  expect(some).toEqual(all.filter(isWanted));

  // Pruned: the topic keeps its five newest from the moment on that the append is acknowledged.
  const pruned = "quake.ci.earthquake";
  expect(all.filter(({ topic }) => topic === pruned).length).toBeGreaterThan(100);
  const last = JSON.parse(await ok(["append", addr, pruned, "--ttl", "last:5"], { stdin: "the last" })) as Frame;
  const kept = lines<Frame>(await ok(["cat", addr, "-T", pruned]));
  expect(kept.map(({ id }) => id)).toEqual([
    ...all
      .filter(({ topic }) => topic === pruned)
      .slice(-4)
      .map(({ id }) => id),
    last.id,
  ]);

  // Exported, imported into a second store, and compared frame by frame and byte by byte.
  const exported = JSON.parse(await ok(["export", addr, join(dir.path, "export")])) as {
    frames: number;
    contents: number;
  };
  const whole = await ok(["cat", addr]);
  expect(readFileSync(join(dir.path, "export/frames.jsonl"), "utf8")).toBe(`${whole}\n`);
  expect(exported.frames).toBe(lines(whole).length);
  const second = await serve(join(dir.path, "second"), ["--quiet"]);
  const imported = JSON.parse(await ok(["import", second.addr, join(dir.path, "export")])) as { imported: number };
  expect(imported).toMatchObject({ imported: exported.frames, missing: 0 });
  const copied = lines(await ok(["cat", second.addr])).map((frame) => JSON.stringify(frame));
  expect(copied).toEqual(expect.arrayContaining(whole.split("\n").slice(0, 5)));
  expect(copied.filter((line) => whole.includes(line))).toHaveLength(exported.frames);
  await ok(["export", second.addr, join(dir.path, "again")]);
  const names = readdirSync(join(dir.path, "export/cas"));
  expect(readdirSync(join(dir.path, "again/cas")).toSorted()).toEqual(names.toSorted());
  expect(names.length).toBe(exported.contents);
  for (const name of names) {
    const [one, other] = ["export", "again"].map((dump) => readFileSync(join(dir.path, dump, "cas", name)));
    expect(one?.equals(other ?? Buffer.alloc(0))).toBe(true);
  }
  const { hash, meta } = all.at(-1) as Frame;
  expect((await xs(["cas", second.addr, hash])).stdout).toBe(meta.properties.title);
  await Promise.all([first.stop(), second.stop()]);
  dir.remove();
}, 120_000);
