// A check names each kind of damage, and a repair mends what can be mended without a loss.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Database } from "bun:sqlite";
import type { XsError } from "../../src/error.ts";
import type { Hash } from "../../src/frame/hash.ts";
import { contentPath, quarantinePath } from "../../src/store/cas-layout.ts";
import { checkStore } from "../../src/store/check.ts";
import type { Finding } from "../../src/store/finding.ts";
import { repairStore } from "../../src/store/repair.ts";
import { openStore } from "../../src/store/store.ts";
import { readLines } from "../support/read.ts";
import { copyOf, makeSampleStore, type SampleStore } from "../support/sample-store.ts";
import { temporaryDir } from "../support/store.ts";

const root = temporaryDir();
let sample: SampleStore;
let lines: string[];
let copies = 0;

beforeAll(async () => {
  sample = await makeSampleStore(join(root.path, "sample"));
  const reader = openStore(freshCopy());
  lines = await readLines(reader);
  await reader.close();
});
afterAll(() => root.remove());

const freshCopy = (): string => copyOf(sample, join(root.path, `copy-${++copies}`));

async function faultsOf(dir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  await checkStore(dir, { onFinding: (finding) => findings.push(finding) });
  return findings;
}

const namesOf = (findings: readonly Finding[]): string[] => [...new Set(findings.map(({ fault }) => fault))].sort();

function edit(dir: string, ...statements: string[]): void {
  const db = new Database(join(dir, "store.db"));
  for (const sql of statements) db.run(sql);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

function fileOf(sizeMin: number): Hash {
  const found = [...sample.contents].find(([, bytes]) => bytes.length >= sizeMin)?.[0];
  if (found === undefined) throw new Error("no such content");
  return found;
}

const withContent = "(SELECT pos FROM frame WHERE content_id IS NOT NULL ORDER BY pos LIMIT 1)";

type Damage = {
  readonly name: string;
  readonly act: (dir: string) => void;
  readonly faults: readonly string[];
  /** What is left after a repair. */
  readonly left?: readonly string[];
};

const DAMAGES: readonly Damage[] = [
  { name: "nothing", act: () => undefined, faults: [] },
  {
    name: "a changed line",
    act: (dir) => edit(dir, "UPDATE frame SET line = replace(line, '\"n\":3', '\"n\":4') WHERE line LIKE '%\"n\":3,%'"),
    faults: ["frame_sum"],
    left: ["frame_sum"],
  },
  {
    name: "a line that is no frame, with its right checksum",
    act: (dir) =>
      edit(dir, `UPDATE frame SET line = '{}', sum = ${Bun.hash.crc32("{}")} WHERE pos = (SELECT max(pos) FROM frame)`),
    faults: ["frame_text"],
    left: ["frame_text"],
  },
  {
    name: "a wrong expiry",
    act: (dir) => edit(dir, "UPDATE frame SET expires = expires + 1 WHERE expires IS NOT NULL"),
    faults: ["frame_expires"],
  },
  {
    name: "a wrong count to keep",
    act: (dir) => edit(dir, "UPDATE frame SET keep = 9 WHERE keep IS NOT NULL"),
    faults: ["frame_keep"],
  },
  {
    name: "a frame that points at other content",
    act: (dir) =>
      edit(dir, `UPDATE frame SET content_id = (SELECT max(content_id) FROM content) WHERE pos = ${withContent}`),
    faults: ["content_orphaned", "frame_content"],
  },
  {
    name: "a frame that points at no content",
    act: (dir) => edit(dir, `UPDATE frame SET content_id = NULL WHERE pos = ${withContent}`),
    faults: ["content_orphaned", "frame_content"],
  },
  {
    name: "a frame out of the index",
    act: (dir) => edit(dir, "DELETE FROM path_frame WHERE pos = (SELECT max(pos) FROM frame)"),
    faults: ["index_missing"],
  },
  {
    name: "an index entry without a frame",
    act: (dir) => edit(dir, "INSERT INTO path_frame SELECT path_id, 12345 FROM path LIMIT 1"),
    faults: ["index_dangling"],
  },
  {
    name: "an index entry under another topic",
    act: (dir) =>
      edit(
        dir,
        "INSERT INTO path_frame SELECT (SELECT path_id FROM path WHERE name = 'note'), min(pos) FROM path_frame WHERE path_id = (SELECT path_id FROM path WHERE name = 'huge')",
      ),
    faults: ["index_dangling"],
  },
  {
    name: "a topic without its name",
    act: (dir) => edit(dir, "DELETE FROM path WHERE name = 'game.*'"),
    faults: ["index_dangling", "index_missing"],
  },
  { name: "a dropped index", act: (dir) => edit(dir, "DROP INDEX frame_expires"), faults: ["database_schema"] },
  {
    name: "a table of somebody else",
    act: (dir) => edit(dir, "CREATE TABLE mine (a)"),
    faults: ["database_schema"],
    left: ["database_schema"],
  },
  {
    name: "a note of the last id that is none",
    act: (dir) => edit(dir, "UPDATE mark SET value = 'x' WHERE name = 'last_id'"),
    faults: ["mark_invalid"],
  },
  {
    name: "more frames than last:n keeps",
    act: (dir) => edit(dir, "INSERT INTO path_frame SELECT path_id, 1 FROM path WHERE name = 'status'"),
    faults: ["index_dangling", "retention_last"],
  },
  {
    name: "small content with changed bytes",
    act: (dir) => edit(dir, "UPDATE content SET data = zeroblob(size) WHERE content_id = 1"),
    faults: ["content_damaged"],
    left: ["content_damaged"],
  },
  {
    name: "small content with a wrong hash",
    act: (dir) => edit(dir, "UPDATE content SET digest = zeroblob(32) WHERE content_id = 1"),
    faults: ["content_damaged", "content_key", "frame_content"],
  },
  {
    name: "content under a wrong prefix",
    act: (dir) => edit(dir, "UPDATE content SET prefix = 1 WHERE content_id = 1"),
    faults: ["content_key"],
  },
  {
    name: "content with a wrong size",
    act: (dir) => edit(dir, "UPDATE content SET size = size + 1"),
    faults: ["content_size"],
  },
  {
    name: "content that is stored twice",
    act: (dir) =>
      edit(
        dir,
        "INSERT INTO content (prefix, digest, size, data) SELECT prefix, digest, size, data FROM content WHERE content_id = 1",
      ),
    faults: ["content_duplicate", "content_orphaned"],
  },
  { name: "content that nobody needs", act: (dir) => edit(dir, "DELETE FROM orphan"), faults: ["content_orphaned"] },
  {
    name: "a lease of content that is gone",
    act: (dir) => edit(dir, "INSERT INTO orphan VALUES (99999, 1)"),
    faults: ["content_orphaned"],
  },
  {
    name: "a missing file",
    act: (dir) => rmSync(contentPath(dir, fileOf(100_000))),
    faults: ["content_missing"],
    left: ["content_missing"],
  },
  {
    name: "a file that is cut short",
    act: (dir) => truncateSync(contentPath(dir, fileOf(100_000)), 1_000),
    faults: ["content_damaged"],
    left: ["content_missing"],
  },
  {
    name: "a file whose row is gone",
    act: (dir) => edit(dir, "DELETE FROM content WHERE size = 200000"),
    faults: ["file_stray", "frame_content"],
  },
  {
    name: "a file without an owner",
    act: (dir) => {
      const path = contentPath(dir, "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" as Hash);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, "x");
    },
    faults: ["file_stray"],
  },
  {
    name: "somebody else's file",
    act: (dir) => writeFileSync(join(dir, "cas", "notes.txt"), "x"),
    faults: ["file_stray"],
    left: ["file_stray"],
  },
  {
    name: "an unfinished file",
    act: (dir) => writeFileSync(join(dir, "cas", "tmp", "7"), "x"),
    faults: ["file_temporary"],
  },
  {
    name: "a database cut to half",
    act: (dir) => truncateSync(join(dir, "store.db"), 32_768),
    faults: ["database_header"],
    left: ["database_header"],
  },
  {
    name: "an empty database",
    act: (dir) => truncateSync(join(dir, "store.db"), 0),
    faults: ["database_unreadable"],
    left: ["database_unreadable"],
  },
  {
    name: "no database",
    act: (dir) => rmSync(join(dir, "store.db")),
    faults: ["database_unreadable"],
    left: ["database_unreadable"],
  },
  {
    name: "a database that is text",
    act: (dir) => writeFileSync(join(dir, "store.db"), "hello ".repeat(1000)),
    faults: ["database_header", "database_unreadable"],
    left: ["database_header", "database_unreadable"],
  },
  {
    name: "a newer format",
    act: (dir) => edit(dir, "PRAGMA user_version = 99"),
    faults: ["database_unreadable"],
    left: ["database_unreadable"],
  },
  {
    name: "somebody else's database",
    act: (dir) => edit(dir, "PRAGMA application_id = 1"),
    faults: ["database_unreadable"],
    left: ["database_unreadable"],
  },
];

describe("a check tells, and a repair mends what it can, of", () => {
  test.each(DAMAGES.map((damage) => [damage.name, damage] as const))("%s", async (_, { act, faults, left = [] }) => {
    const dir = freshCopy();
    act(dir);
    const found = await faultsOf(dir);
    // A database that is cut or foreign shows in many ways.
    expect(namesOf(found)).toEqual(expect.arrayContaining([...faults]));
    if (!faults.includes("database_header")) expect(namesOf(found)).toEqual([...faults]);
    expect(found.every(({ message, action }) => message !== "" && action !== "" && !/\n/.test(message + action))).toBe(
      true,
    );
    const done: string[] = [];
    await repairStore(dir, (what) => done.push(what));
    const after = namesOf(await faultsOf(dir));
    expect(after).toEqual(expect.arrayContaining([...left]));
    if (!faults.includes("database_header")) expect(after).toEqual([...left]);
    if (left.length > 0) return;
    expect(done.length > 0).toBe(faults.length > 0);
    const store = openStore(dir);
    expect(await readLines(store)).toEqual(lines);
    await store.close();
  });
});

test("damaged content that was set aside is kept, and comes right when it is sent again", async () => {
  const dir = freshCopy();
  const hash = fileOf(100_000);
  truncateSync(contentPath(dir, hash), 1_000);
  await repairStore(dir, () => undefined);
  expect(existsSync(contentPath(dir, hash))).toBe(false);
  expect(Bun.file(quarantinePath(dir, hash)).size).toBe(1_000);
  const store = openStore(dir);
  const bytes = sample.contents.get(hash);
  if (bytes === undefined) throw new Error("no content");
  const content = await store.take(new Blob([bytes as Uint8Array<ArrayBuffer>]).stream());
  if (content === null) throw new Error("nothing taken");
  await store.keep(content);
  await store.close();
  expect(await faultsOf(dir)).toEqual([]);
});

test("content is not removed while a damaged frame may be the one that refers to it", async () => {
  const dir = freshCopy();
  edit(dir, `UPDATE frame SET sum = sum + 1, content_id = NULL WHERE pos = ${withContent}`);
  const done: string[] = [];
  await repairStore(dir, (what) => done.push(what));
  expect(done).toEqual([expect.stringContaining("left alone")]);
  expect(namesOf(await faultsOf(dir))).toEqual(["content_orphaned", "frame_sum"]);
});

test("a store that is served is not repaired, and a directory that is no store is not checked", async () => {
  const dir = freshCopy();
  const store = openStore(dir);
  const refused = (await repairStore(dir, () => undefined).catch((error: unknown) => error)) as XsError;
  expect([refused.code, refused.message]).toEqual([
    "conflict",
    expect.stringMatching(/is served already by process \d+; stop that server/),
  ]);
  await store.close();
  const empty = join(root.path, "empty");
  mkdirSync(empty);
  for (const path of [empty, join(root.path, "nowhere")]) {
    for (const act of [faultsOf, (at: string) => repairStore(at, () => undefined)]) {
      expect(((await act(path).catch((error: unknown) => error)) as XsError).code).toBe("not_found");
    }
  }
  expect(readdirSync(empty)).toEqual([]);
});

test("at rest an expired frame is no fault", async () => {
  const dir = freshCopy();
  const findings: Finding[] = [];
  await checkStore(dir, { onFinding: (finding) => findings.push(finding), now: () => Date.now() + 10 ** 10 });
  expect(findings).toEqual([]);
});
