import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { Database } from "bun:sqlite";
import { databasePath, openDatabase, openDatabaseReadOnly, SCHEMA_VERSION } from "../../src/store/schema.ts";
import { openStore } from "../../src/store/store.ts";
import { appendAll, readTopics } from "../support/read.ts";
import { temporaryDir } from "../support/store.ts";

function inDir(test: (dir: string) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const dir = temporaryDir();
    try {
      await test(dir.path);
    } finally {
      dir.remove();
    }
  };
}

const edit = (dir: string, sql: string): void => {
  const db = new Database(databasePath(dir));
  db.run(sql);
  db.close();
};

describe("the database of a store", () => {
  test(
    "is made once, with a version, and opened again as it is",
    inDir((dir) => {
      openDatabase(dir).close();
      const db = openDatabase(dir);
      expect(db.query("PRAGMA user_version").get()).toEqual({ user_version: SCHEMA_VERSION });
      expect(db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
      expect(db.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
      db.close();
    }),
  );

  test(
    "of a newer format is refused, and left as it is",
    inDir((dir) => {
      openDatabase(dir).close();
      edit(dir, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
      expect(() => openDatabase(dir)).toThrow("use a newer xs");
      expect(() => openDatabaseReadOnly(dir)).toThrow("use a newer xs");
    }),
  );

  test(
    "of another program is refused",
    inDir((dir) => {
      edit(dir, "CREATE TABLE other (x)");
      expect(() => openDatabase(dir)).toThrow("not of xs");
    }),
  );

  test(
    "that is no database is refused",
    inDir((dir) => {
      writeFileSync(databasePath(dir), "x".repeat(10_000));
      expect(() => openDatabase(dir)).toThrow();
    }),
  );

  test(
    "that was emptied or lost is not taken for a new store",
    inDir(async (dir) => {
      await openStore(dir).close();
      truncateSync(databasePath(dir), 0);
      expect(() => openStore(dir)).toThrow("is empty");
      await Bun.file(databasePath(dir)).delete();
      expect(() => openStore(dir)).toThrow("is missing");
    }),
  );

  test(
    "can be read beside its server, and not be written that way",
    inDir(async (dir) => {
      const store = openStore(dir);
      await appendAll(store, ["a"]);
      const db = openDatabaseReadOnly(dir);
      expect(db.query("SELECT topic FROM frame").all()).toEqual([{ topic: "a" }]);
      expect(() => db.run("DELETE FROM frame")).toThrow();
      db.close();
      await store.close();
    }),
  );

  test(
    "is found through a link to its directory, and is no link itself",
    inDir(async (dir) => {
      mkdirSync(`${dir}/real`);
      symlinkSync(`${dir}/real`, `${dir}/link`);
      const store = openStore(`${dir}/link`);
      await appendAll(store, ["a"]);
      await store.close();
      const again = openStore(`${dir}/real`);
      expect(await readTopics(again)).toEqual(["a"]);
      await again.close();
      mkdirSync(`${dir}/other`);
      symlinkSync(`${dir}/real/store.db`, `${dir}/other/store.db`);
      expect(() => openStore(`${dir}/other`)).toThrow();
    }),
  );
});

test(
  "a page merges its paths by position as it reads them, without a sort",
  inDir((dir) => {
    const db = openDatabase(dir);
    const plan = (sql: string): string =>
      db
        .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`)
        .all()
        .map(({ detail }) => detail)
        .join("\n");
    const range = (n: number): string => `SELECT pos FROM path_frame WHERE path_id = ${n} AND pos >= 0 AND pos < 9`;
    for (const order of ["ASC", "DESC"]) {
      for (const paths of [
        range(1),
        `${range(1)} UNION ${range(2)}`,
        `${range(1)} UNION ${range(2)} UNION ${range(3)}`,
      ]) {
        const sql = `SELECT f.line FROM (${paths} ORDER BY pos ${order} LIMIT -1) AS p
        CROSS JOIN frame AS f ON f.pos = p.pos WHERE (expires IS NULL OR expires > 5) LIMIT 3`;
        expect(plan(sql)).not.toContain("TEMP B-TREE");
      }
    }
    const arrivals =
      "SELECT line FROM frame WHERE arrival > 1 AND pos < 5 AND (expires IS NULL OR expires > 2) ORDER BY arrival, pos LIMIT 5";
    expect(plan(arrivals)).toContain("frame_arrival");
    expect(plan(arrivals)).not.toContain("TEMP B-TREE");
    expect(
      plan("SELECT pos, keep FROM frame WHERE keep IS NOT NULL AND topic = 'a' AND pos >= 1 ORDER BY pos"),
    ).toContain("frame_keep");
    db.close();
  }),
);
