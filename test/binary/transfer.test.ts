// Export and import where something is missing, damaged, in conflict, interrupted, or from the original.
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, withServer, xs } from "../support/xs.ts";

type Frame = { topic: string; id: string; hash: string | null; meta: unknown; ttl: string };

const ORIGINAL = [
  { topic: "notes", id: "03cq29gqsg8ijbkob4krv93k3", hash: null, meta: null, ttl: "forever" },
  { topic: "notes.b", id: "03cq29mdmmkfze8p1plry4maj", hash: null, meta: { a: 1.5 }, ttl: "last:3" },
  { topic: "notes", id: "03cq29ul7bhxrcaeh2ssrvcw1", hash: null, meta: {}, ttl: "forever" },
];

async function withDump(test: (dump: string, addr: string, dir: string) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  await withServer(async ({ addr }) => {
    await ok(["append", addr, "small"], { stdin: "small content" });
    await ok(["append", addr, "large"], { stdin: "large content ".repeat(10_000) });
    await ok(["append", addr, "none", "--meta", '{"n":1.0}']);
    const dump = join(dir.path, "dump");
    await ok(["export", addr, dump]);
    await test(dump, addr, dir.path);
  });
  dir.remove();
}

describe("export", () => {
  test("writes one file a content, named by the base64 of its hash, and refuses a directory that is in use", async () => {
    await withDump(async (dump, addr) => {
      const frames = lines<Frame>(await Bun.file(join(dump, "frames.jsonl")).text());
      expect(frames.map(({ topic }) => topic)).toEqual(["xs.start", "small", "large", "none"]);
      const names = frames.flatMap(({ hash }) => (hash === null ? [] : [btoa(hash)]));
      expect(readdirSync(join(dump, "cas")).toSorted()).toEqual(names.toSorted());
      expect(await Bun.file(join(dump, "cas", names[0] ?? "")).text()).toBe("small content");
      const again = await xs(["export", addr, dump]);
      expect(again.code).toBe(5);
      expect(again.stderr).toContain("not empty");
    });
  });
});

describe("import", () => {
  test("keeps ids, meta and content, and is safe to repeat", async () => {
    await withDump(async (dump, addr) => {
      await withServer(async ({ addr: other }) => {
        expect(JSON.parse(await ok(["import", other, dump]))).toMatchObject({ imported: 4, existing: 0, missing: 0 });
        expect(JSON.parse(await ok(["import", other, dump]))).toMatchObject({ imported: 0, existing: 4, missing: 0 });
        for (const topic of ["small", "large", "none"]) {
          const line = await ok(["head", addr, topic]);
          expect(await ok(["head", other, topic])).toBe(line);
          const { hash } = JSON.parse(line) as Frame;
          if (hash !== null) expect(await ok(["cas", other, hash])).toBe(await ok(["cas", addr, hash]));
        }
      });
    });
  });

  test("leaves out and names a frame whose content is missing, and ends with 1", async () => {
    await withDump(async (dump, addr) => {
      const { id, hash } = JSON.parse(await ok(["head", addr, "large"])) as Frame;
      rmSync(join(dump, "cas", btoa(hash ?? "")));
      await withServer(async ({ addr: other }) => {
        const { code, stdout, stderr } = await xs(["import", other, dump]);
        expect(code).toBe(1);
        expect(JSON.parse(stdout)).toEqual({
          imported: 3,
          existing: 0,
          expired: 0,
          missing: 1,
        });
        expect(stderr).toContain(id);
        expect(stderr).toContain(hash ?? "");
        expect((await xs(["get", other, id])).code).toBe(4);
        // As lines of JSON, where there is no dump to look into, the server names it.
        const piped = await xs(["import", other], { stdin: await Bun.file(join(dump, "frames.jsonl")).text() });
        expect(piped.code).toBe(2);
        expect(piped.stderr).toContain(hash ?? "");
      });
    });
  });

  test("refuses damaged content, a broken line and what is no dump, each by name", async () => {
    await withDump(async (dump, _addr, dir) => {
      await withServer(async ({ addr: other }) => {
        const [name = ""] = readdirSync(join(dump, "cas"));
        writeFileSync(join(dump, "cas", name), "something else");
        const damaged = await xs(["import", other, dump]);
        expect(damaged.code).toBe(2);
        expect(damaged.stderr).toContain(name);
        mkdirSync(join(dir, "bad"));
        writeFileSync(join(dir, "bad/frames.jsonl"), '{"topic":"a","id":"01M8AEKHNPRPHBPYV1Q4P8JFDE"}\n{"topic":\n');
        const broken = await xs(["import", other, join(dir, "bad")]);
        expect(broken.code).toBe(2);
        expect(broken.stderr).toContain("line 2");
        const nothing = await xs(["import", other, join(dir, "nothing")]);
        expect(nothing.code).toBe(4);
        expect(nothing.stderr).toContain("frames.jsonl");
        expect(lines(await ok(["cat", other]))).toHaveLength(1);
      });
    });
  });

  test("refuses another frame with an id that is taken, and changes nothing", async () => {
    await withServer(async ({ addr }) => {
      const line = await ok(["append", addr, "t", "--meta", "1"]);
      expect(JSON.parse(await ok(["import", addr], { stdin: line }))).toEqual(JSON.parse(line));
      const { code, stderr } = await xs(["import", addr], { stdin: line.replace('"meta":1', '"meta":2') });
      expect(code).toBe(5);
      expect(stderr).toContain((JSON.parse(line) as Frame).id);
      expect(await ok(["head", addr, "t"])).toBe(line);
    });
  });

  test("puts old frames in the place of their ids, with retention as if they had been appended", async () => {
    await withServer(async ({ addr }) => {
      const old = Array.from(
        { length: 5 },
        (_, n) => `{"topic":"t","id":"01J0000000000000000000000${n}","hash":null,"meta":${n},"ttl":"last:2"}`,
      );
      await ok(["append", addr, "t"]);
      await ok(["import", addr], { stdin: [old[3], old[0], old[1]].join("\n") });
      await ok(["import", addr], { stdin: `${old[2]}\r\n\r\n${old[4]}\n` });
      const metas = lines<Frame>(await ok(["cat", addr, "-T", "t"])).map(({ meta }) => meta);
      expect(metas).toEqual([3, 4, null]);
    });
  });

  test("tells that a dump is of the original, and converts it with --reid: order and time kept, the old id in meta", async () => {
    const dir = temporaryDir();
    mkdirSync(join(dir.path, "cas"));
    writeFileSync(join(dir.path, "frames.jsonl"), ORIGINAL.map((frame) => `${JSON.stringify(frame)}\n`).join(""));
    await withServer(async ({ addr }) => {
      const refused = await xs(["import", addr, dir.path]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("xs import --reid");
      expect(JSON.parse(await ok(["import", addr, dir.path, "--reid"]))).toMatchObject({ imported: 3, missing: 0 });
      expect(JSON.parse(await ok(["import", addr, dir.path, "--reid"]))).toMatchObject({ imported: 0, existing: 3 });
      const text = await Bun.file(join(dir.path, "frames.jsonl")).text();
      for (const times of [1, 1_000]) {
        const answer = await ok(["import", addr, "--reid"], { stdin: text.repeat(times) });
        expect(JSON.parse(answer)).toMatchObject({ existing: 3 * times });
      }
      const frames = lines<Frame>(await ok(["cat", addr, "-T", "notes,notes.*", "--with-timestamp"]));
      expect(frames.map(({ meta }) => meta)).toEqual([
        { original_id: ORIGINAL[0]?.id },
        { original_id: ORIGINAL[1]?.id, a: 1.5 },
        { original_id: ORIGINAL[2]?.id },
      ]);
      expect(frames.map(({ topic, ttl }) => [topic, ttl])).toEqual(ORIGINAL.map(({ topic, ttl }) => [topic, ttl]));
    });
    dir.remove();
  });
});
