// Flips single bytes of a store at rest: a check tells each that anyone could ever notice, and nothing damaged is served.
//
// "Unused" means here: every row of every table is as it was, each index agrees with its table, and a server opens the
// store, reads it whole and appends to it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import type { Hash } from "../../src/frame/hash.ts";
import { READ_ALL } from "../../src/frame/read-options.ts";
import { checkStore } from "../../src/store/check.ts";
import { contentPath } from "../../src/store/cas-layout.ts";
import type { Finding } from "../../src/store/finding.ts";
import { repairStore } from "../../src/store/repair.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { randomFrom } from "../support/frames.ts";
import { draft, readLines } from "../support/read.ts";
import { copyOf, makeSampleStore, type SampleStore } from "../support/sample-store.ts";
import { temporaryDir } from "../support/store.ts";

// In the gate; the soak asks for more.
const FLIPS = Number(process.env["XS_TEST_FLIPS"] ?? 150);
const REPAIRS = Math.ceil(FLIPS / 5);
const SEED = Number(process.env["XS_TEST_SEED"] ?? 1);

const root = temporaryDir();
let sample: SampleStore;
let lines: string[];
let original: Buffer;
let rows: string;

beforeAll(async () => {
  sample = await makeSampleStore(join(root.path, "sample"));
  original = readFileSync(join(sample.dir, "store.db"));
  rows = dumpOf(sample.dir);
  const reader = openStore(copyOf(sample, join(root.path, "read")));
  lines = await readLines(reader);
  await reader.close();
  expect(await faultsOf(sample.dir)).toEqual([]);
});
afterAll(() => root.remove());

async function faultsOf(dir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  await checkStore(dir, { onFinding: (finding) => findings.push(finding) });
  return findings;
}

// Every row, in the order of its key. The mark "synced" is written and never read.
function dumpOf(dir: string): string {
  const db = new Database(join(dir, "store.db"), { readonly: true });
  const all = [
    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
    "SELECT pos, line, sum, expires, content_id, arrival, keep, topic, id FROM frame ORDER BY pos",
    "SELECT path_id, name FROM path ORDER BY path_id",
    "SELECT path_id, pos FROM path_frame ORDER BY path_id, pos",
    "SELECT content_id, prefix, hex(digest), size, hex(data) FROM content ORDER BY content_id",
    "SELECT content_id, due FROM orphan ORDER BY content_id",
    "SELECT name, value FROM mark WHERE name <> 'synced' ORDER BY name",
    "PRAGMA user_version",
    "PRAGMA application_id",
  ].map((sql) => db.query(sql).values());
  db.close();
  return JSON.stringify(all);
}

async function contentOf(store: Store, hash: Hash): Promise<Uint8Array | null> {
  const content = store.content(hash);
  if (content === null) return null;
  return new Response(await content.slice(0, content.size)).bytes();
}

// A damaged line may hold anything, line ends too.
async function textOf(store: Store): Promise<string> {
  let text = "";
  for await (const part of store.read(READ_ALL)) if (part.kind === "frames") text += Buffer.from(part.bytes).toString();
  return text;
}

// Whatever is damaged: what comes as the whole content is the content.
async function expectNoFalseContent(store: Store): Promise<void> {
  for (const [hash, bytes] of sample.contents) {
    const read = await contentOf(store, hash).catch(() => null);
    if (read !== null && bytes.length > 0) expect(Buffer.from(read).equals(Buffer.from(bytes))).toBe(true);
  }
}

async function opened(dir: string): Promise<Store | null> {
  try {
    return openStore(dir);
  } catch {
    return null;
  }
}

test(`of ${FLIPS} flipped bytes of the database a check tells each that is not unused, and other frames can be read`, async () => {
  const random = randomFrom(SEED);
  const dir = copyOf(sample, join(root.path, "flipped"));
  let unused = 0;
  for (let n = 0; n < FLIPS; n++) {
    const at = Math.floor(random() * original.length);
    const mask = 1 + Math.floor(random() * 255);
    const flipped = Buffer.from(original);
    flipped[at] = (flipped[at] ?? 0) ^ mask;
    writeFileSync(join(dir, "store.db"), flipped);
    const what = `byte ${at} (page ${Math.floor(at / 4096) + 1}, offset ${at % 4096}) ^ ${mask}`;
    const findings = await faultsOf(dir);
    if (findings.length === 0) {
      unused++;
      if (dumpOf(dir) !== rows) throw new Error(`not told: ${what}`);
    }
    const store = await opened(dir);
    if (store === null) {
      expect(findings, what).not.toEqual([]);
      continue;
    }
    try {
      await expectNoFalseContent(store);
      if (findings.length === 0) {
        expect(await readLines(store), what).toEqual(lines);
        const { id } = await store.append(draft("after"));
        expect(store.get(id), what).not.toBeNull();
      } else if (findings.every(({ fault }) => fault === "frame_sum" || fault === "frame_text")) {
        const text = await textOf(store);
        expect(lines.filter((line) => !text.includes(`${line}\n`)).length, what).toBeLessThanOrEqual(1);
      }
    } finally {
      await store.close().catch(() => undefined);
    }
  }
  // Half and more of a small database is free pages and the rest of pages.
  expect(unused).toBeLessThan(FLIPS);
}, 120_000);

// The lines whose checksum is right, as far as the database can be read.
function soundLines(dir: string): Set<string> {
  const sound = new Set<string>();
  try {
    const db = new Database(join(dir, "store.db"), { readonly: true });
    try {
      for (const { line, sum } of db.query<{ line: string; sum: number }, []>("SELECT line, sum FROM frame").all())
        if (Bun.hash.crc32(line) === sum) sound.add(line);
    } finally {
      db.close();
    }
  } catch {
    // Not to be read at all.
  }
  return sound;
}

test(`a repair after each of ${REPAIRS} flips loses no frame and no content that is whole`, async () => {
  const random = randomFrom(SEED + 1);
  for (let n = 0; n < REPAIRS; n++) {
    const dir = copyOf(sample, join(root.path, `repaired-${n}`));
    const at = Math.floor(random() * original.length);
    const mask = 1 + Math.floor(random() * 255);
    const flipped = Buffer.from(original);
    flipped[at] = (flipped[at] ?? 0) ^ mask;
    writeFileSync(join(dir, "store.db"), flipped);
    const what = `byte ${at} (page ${Math.floor(at / 4096) + 1}, offset ${at % 4096}) ^ ${mask}`;
    const before = soundLines(dir);
    const faults = new Set((await faultsOf(dir)).map(({ fault }) => fault));
    await repairStore(dir, () => undefined);
    const after = soundLines(dir);
    expect(
      [...before].filter((line) => !after.has(line)),
      what,
    ).toEqual([]);
    const left = (await faultsOf(dir)).map(({ fault }) => fault);
    // What is mended leaves no other fault behind; where the database itself is damaged more may come to light.
    if (![...faults].some((fault) => fault.startsWith("database_")))
      expect(
        left.filter((fault) => !faults.has(fault)),
        what,
      ).toEqual([]);
    const store = await opened(dir);
    if (store !== null && left.length === 0) {
      const present = new Set(await readLines(store));
      for (const line of before) expect(present.has(line), what).toBe(true);
      for (const [hash, bytes] of sample.contents)
        if (bytes.length > 0) expect((await contentOf(store, hash))?.length, what).toBe(bytes.length);
    }
    await store?.close().catch(() => undefined);
    rmSync(dir, { recursive: true });
  }
}, 120_000);

test(`of ${FLIPS} flipped bytes of content files a check tells each, and what is damaged is not served`, async () => {
  const random = randomFrom(SEED);
  const dir = copyOf(sample, join(root.path, "damaged"));
  const files = [...sample.contents].filter(([, bytes]) => bytes.length > 65_536);
  const store = openStore(copyOf(sample, join(root.path, "served")));
  for (let n = 0; n < FLIPS; n++) {
    const [hash, bytes] = files[Math.floor(random() * files.length)] ?? [];
    if (hash === undefined || bytes === undefined) throw new Error("no content files");
    const damaged = Buffer.from(bytes);
    const at = Math.floor(random() * bytes.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 + Math.floor(random() * 255));
    for (const copy of [dir, store.dir]) writeFileSync(contentPath(copy, hash), damaged);
    const findings = await faultsOf(dir);
    expect(findings.map((finding) => [finding.fault, finding.hash])).toEqual([["content_damaged", hash]]);
    expect(await contentOf(store, hash).catch((error: Error) => error.message)).toMatch(/damaged on disk/);
    for (const copy of [dir, store.dir]) writeFileSync(contentPath(copy, hash), bytes);
  }
  await store.close();
}, 120_000);
