import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { XsError } from "../../src/error.ts";
import type { FeedEntry } from "../../src/store/feed.ts";
import { type Companion, type Fsync, Writer } from "../../src/store/writer.ts";

type Rig = { readonly writer: Writer; readonly db: Database; readonly log: string[]; readonly rows: () => number[] };

/** A writer over a database in memory; `log` has what happened in which order. */
function rig(fsync: Fsync = { kind: "always" }): Rig {
  const db = new Database(":memory:");
  db.run("CREATE TABLE row (n INTEGER PRIMARY KEY)");
  db.run("CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT)");
  const log: string[] = [];
  const companion: Companion = {
    snapshot: () => {
      log.push("snapshot");
      return () => log.push("restore");
    },
    flush: () => undefined,
  };
  const writer = new Writer(
    db,
    companion,
    (entries) => entries.length > 0 && log.push("published"),
    (error) => log.push(`fatal ${error.code}`),
    fsync,
  );
  const rows = (): number[] =>
    db
      .query<{ n: number }, []>("SELECT n FROM row ORDER BY n")
      .all()
      .map(({ n }) => n);
  return { writer, db, log, rows };
}

const insert = (db: Database, n: number): unknown => db.query("INSERT INTO row VALUES (?) RETURNING n").get(n);
const codesOf = (outcomes: PromiseSettledResult<unknown>[]): unknown[] =>
  outcomes.map((outcome) => (outcome.status === "fulfilled" ? "done" : (outcome.reason as XsError).code));

describe("the writer", () => {
  test("commits what has queued in one transaction, and answers each with its result", async () => {
    const { writer, db, log, rows } = rig();
    const results = await Promise.all([1, 2, 3].map((n) => writer.submit(() => (insert(db, n), n * 10))));
    expect(results).toEqual([10, 20, 30]);
    expect(rows()).toEqual([1, 2, 3]);
    expect(log).toEqual(["snapshot"]);
  });

  test("waits while each turn of the loop brings more, and takes them into one commit", async () => {
    const { writer, db, log, rows } = rig();
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const first = [1, 2].map((n) => writer.submit(() => insert(db, n)));
    await turn();
    first.push(writer.submit(() => insert(db, 3)));
    await Promise.all(first);
    expect(rows()).toEqual([1, 2, 3]);
    expect(log).toEqual(["snapshot"]);
  });

  test("commits one that comes alone at the next turn of the loop", async () => {
    const { writer, db, rows } = rig();
    void writer.submit(() => insert(db, 1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(rows()).toEqual([1]);
  });

  test("commits no more at once than a weight, but one job whatever it weighs", async () => {
    const { writer, db, log, rows } = rig();
    const weights = [3_000, 1_000, 1_000, 50_000, 1];
    await Promise.all(weights.map((weight, n) => writer.submit(() => insert(db, n), { weight })));
    expect(rows()).toEqual([0, 1, 2, 3, 4]);
    // 3,000 and 1,000; 1,000; 50,000; 1.
    expect(log).toHaveLength(4);
  });

  test("takes a commit to be durable before anybody is told of it", async () => {
    const { writer, db, log } = rig();
    await writer.submit((batch) => {
      batch.published.push({} as FeedEntry);
      batch.afterCommit.push(() => log.push(`after, in a transaction: ${db.inTransaction}`));
    });
    expect(log).toEqual(["snapshot", "published", "after, in a transaction: false"]);
  });

  test("undoes a refused work alone, with what it would have published", async () => {
    const { writer, db, log, rows } = rig();
    const outcomes = await Promise.allSettled([
      writer.submit(() => insert(db, 1)),
      writer.submit(
        (batch) => {
          insert(db, 2);
          batch.published.push({} as FeedEntry);
          batch.afterCommit.push(() => log.push("after"));
          throw new XsError("conflict", "no");
        },
        { alone: true },
      ),
      writer.submit(() => insert(db, 3)),
    ]);
    expect(codesOf(outcomes)).toEqual(["done", "conflict", "done"]);
    expect(rows()).toEqual([1, 3]);
    expect(log).toEqual(["snapshot", "snapshot", "restore"]);
  });

  test("fails all of a transaction when the database does, undoes it, and goes on", async () => {
    const { writer, db, log, rows } = rig();
    const full = (): never => {
      insert(db, 2);
      db.run("PRAGMA max_page_count = 1");
      db.run(
        "CREATE TABLE no_room AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100000) SELECT x FROM c",
      );
      throw new Error("there was room");
    };
    const works = [() => insert(db, 1), full, () => insert(db, 3)];
    expect(codesOf(await Promise.allSettled(works.map((work) => writer.submit(work))))).toEqual(
      Array(3).fill("no_space"),
    );
    expect(rows()).toEqual([]);
    expect(db.inTransaction).toBe(false);
    db.run("PRAGMA max_page_count = 100000");
    await writer.submit(() => insert(db, 4));
    expect(rows()).toEqual([4]);
    expect(log).toEqual(["snapshot", "restore", "snapshot"]);
  });

  test("fails the whole transaction also when the database fails in work that stands alone", async () => {
    const { writer, db, rows } = rig();
    const outcomes = await Promise.allSettled([
      writer.submit(() => insert(db, 1)),
      writer.submit(() => (insert(db, 2), insert(db, 2)), { alone: true }),
    ]);
    expect(codesOf(outcomes)).toEqual(["internal", "internal"]);
    expect(rows()).toEqual([]);
  });

  test("acknowledges nothing more once the disk has failed, and says so once", async () => {
    const { writer, db, log, rows } = rig();
    const eio = Object.assign(new Error("i/o error"), { code: "EIO", syscall: "fsync" });
    const outcomes = await Promise.allSettled([
      writer.submit(() => insert(db, 1)),
      writer.submit(() => {
        throw eio;
      }),
    ]);
    expect(codesOf(outcomes)).toEqual(["unavailable", "unavailable"]);
    expect(codesOf(await Promise.allSettled([writer.submit(() => insert(db, 2))]))).toEqual(["unavailable"]);
    expect(rows()).toEqual([]);
    writer.stop(new XsError("unavailable", "again"));
    expect(log).toEqual(["snapshot", "restore", "fatal unavailable"]);
  });

  test("decides all that was submitted before a drain ends, and refuses what comes after a close", async () => {
    const { writer, db, rows } = rig();
    const works = Array.from({ length: 3_000 }, (_, n) => writer.submit(() => insert(db, n)));
    await writer.drain();
    expect(rows()).toHaveLength(3_000);
    await Promise.all(works);
    await writer.drain();
    writer.close(new XsError("unavailable", "closed"));
    expect(codesOf(await Promise.allSettled([writer.submit(() => insert(db, -1))]))).toEqual(["unavailable"]);
  });

  test("refuses beyond 65,536 that wait", async () => {
    const { writer } = rig();
    const works = Array.from({ length: 65_537 }, () => writer.submit(() => 1));
    const codes = codesOf(await Promise.allSettled(works));
    expect(codes.filter((code) => code === "done")).toHaveLength(65_536);
    expect(codes.at(-1)).toBe("unavailable");
  });

  test.each<[Fsync, number]>([
    [{ kind: "always" }, 2],
    [{ kind: "never" }, 1],
    [{ kind: "interval", ms: 60_000 }, 1],
  ])("with %j runs at the level of synchronous that it stands for", (fsync, level) => {
    const { writer, db } = rig(fsync);
    expect(db.query("PRAGMA synchronous").get()).toEqual({ synchronous: level });
    writer.close(new XsError("unavailable", "closed"));
  });
});
