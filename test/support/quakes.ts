// Real input: a week of earthquakes (USGS, from vega-datasets) as frames with content.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatFrame, type Frame } from "../../src/frame/frame.ts";
import { hashOf } from "../../src/frame/hash.ts";
import { packId } from "../../src/frame/id.ts";
import { metaOf } from "../../src/frame/meta.ts";
import { parseTopic } from "../../src/frame/topic.ts";
import { FOREVER } from "../../src/frame/ttl.ts";
import { contentDir, dumpPath, framesPath } from "../../src/transfer/archive.ts";

// The package exports only its index, not the files that it is made of.
const FILE = resolve(import.meta.dir, "../../node_modules/vega-datasets/data/earthquakes.json");

export type Quake = { readonly topic: string; readonly meta: string; readonly title: string; readonly timeMs: number };

type Feature = { readonly properties: { net: string; type: string; title: string; time: number } };

/** The quakes in order of time; topics are quake.<network>.<type>, meta is the whole feature, the title is the content. */
export const QUAKES: readonly Quake[] = (JSON.parse(readFileSync(FILE, "utf8")) as { features: Feature[] }).features
  .map((feature) => {
    const { net, type, title, time } = feature.properties;
    const topic = `quake.${net}.${type.replaceAll(/[^A-Za-z0-9_-]/g, "-")}`;
    return { topic, meta: JSON.stringify(feature), title, timeMs: time };
  })
  .toSorted((a, b) => a.timeMs - b.timeMs);

/** The quakes as frames whose ids carry the time of the quake. */
export function quakeFrames(): Frame[] {
  return QUAKES.map(({ topic, meta, title, timeMs }, n) => ({
    topic: parseTopic(topic),
    id: packId(timeMs, String(n).padStart(16, "0")),
    hash: hashOf(new Bun.CryptoHasher("sha256").update(title).digest()),
    meta: metaOf(JSON.parse(meta) as object),
    ttl: FOREVER,
  }));
}

/** Writes the quakes as a dump directory. */
export function writeQuakeDump(dir: string): void {
  mkdirSync(contentDir(dir), { recursive: true });
  const frames = quakeFrames();
  for (const [n, { hash }] of frames.entries()) {
    if (hash !== null) writeFileSync(dumpPath(dir, hash), QUAKES[n]?.title ?? "");
  }
  writeFileSync(framesPath(dir), frames.map((frame) => `${formatFrame(frame)}\n`).join(""));
}
