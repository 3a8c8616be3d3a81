// Stores of earlier versions: each opens in this one, whole, and goes on; one of a later version is refused.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Database } from "bun:sqlite";
import { hashOf } from "../../src/frame/hash.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, serve, xs } from "../support/xs.ts";

const FIXTURES = resolve(import.meta.dir, "../fixtures/stores");

type Line = { topic: string; id: string; hash: string | null };

/** Runs a test on a copy of a fixture's store; `frames` are the lines that it must hold. */
async function withCopy(version: string, run: (store: string, frames: string[]) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  try {
    const store = join(dir.path, "store");
    cpSync(join(FIXTURES, version, "store"), store, { recursive: true });
    await run(
      store,
      readFileSync(join(FIXTURES, version, "frames.jsonl"), "utf8")
        .trimEnd()
        .split("\n"),
    );
  } finally {
    dir.remove();
  }
}

for (const version of readdirSync(FIXTURES)) {
  test(`a store of ${version} holds the frames and the content that it was given`, async () => {
    await withCopy(version, async (store, frames) => {
      const server = await serve(store);
      try {
        const found = (await ok(["cat", store])).split("\n");
        expect(found.slice(0, frames.length)).toEqual(frames);
        expect(lines<Line>(found.slice(frames.length).join("\n")).map(({ topic }) => topic)).toEqual([
          "xs.stopping",
          "xs.start",
        ]);
        expect(await ok(["import", store], { stdin: `${frames.join("\n")}\n` })).toContain('"imported":0');
        for (const { hash } of lines<Line>(frames.join("\n"))) {
          if (hash === null) continue;
          const { code, bytes } = await xs(["cas", store, hash]);
          const digest = createHash("sha256").update(bytes).digest();
          expect([code, String(hashOf(digest))]).toEqual([0, hash]);
        }
      } finally {
        await server.stop();
      }
    });
  });

  test(`a store of ${version} goes on: new ids lie above the old ones, and its ttls still hold`, async () => {
    await withCopy(version, async (store, frames) => {
      const newest = lines<Line>(frames.join("\n")).at(-1)?.id ?? "";
      const server = await serve(store);
      try {
        const { id } = JSON.parse(await ok(["append", store, "door", "--ttl", "last:2"], { stdin: "5" })) as Line;
        expect(id > newest).toBe(true);
        const doors = lines<Line>(frames.join("\n")).filter(({ topic }) => topic === "door");
        expect(lines<Line>(await ok(["last", store, "door", "9"])).map((frame) => frame.id)).toEqual([
          doors.at(-1)?.id ?? "",
          id,
        ]);
      } finally {
        await server.stop();
      }
    });
  });
}

test("a store of a later format is refused with what to do, and stays as it is", async () => {
  const version = readdirSync(FIXTURES).toSorted().at(-1) ?? "";
  await withCopy(version, async (store) => {
    const path = join(store, "store.db");
    const db = new Database(path);
    const { user_version: format } = db.query("PRAGMA user_version").get() as { user_version: number };
    db.run(`PRAGMA user_version = ${format + 1}`);
    db.close();
    const before = readFileSync(path);
    const { code, stderr } = await xs(["serve", store]);
    expect(code).toBe(1);
    expect(stderr).toContain(`has format ${format + 1}, and this xs knows formats up to ${format}; use a newer xs`);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(readdirSync(store)).not.toContain("sock");
  });
});
