// Many events at once, by the command.
import { describe, expect, test } from "bun:test";
import { lines, ok, withServer, xs } from "../support/xs.ts";

type Frame = { topic: string; id: string; hash: string | null; meta: unknown; timestamp?: string };

describe("batch", () => {
  test("appends lines of JSON and prints their frames", async () => {
    await withServer(async ({ addr }) => {
      const stdin = '{"topic":"a","meta":{"n":1.0}}\n{"topic":"b","content":"hello"}\n';
      const printed = await ok(["batch", addr], { stdin });
      expect(await ok(["cat", addr, "-T", "a,b"])).toBe(printed);
      const [a, b] = lines<Frame>(printed);
      expect([a?.topic, b?.topic]).toEqual(["a", "b"]);
      expect(await ok(["cas", addr, String(b?.hash)])).toBe("hello");
      const [c] = lines<Frame>(await ok(["batch", addr, "--with-timestamp"], { stdin: '{"topic":"c"}' }));
      expect(c?.timestamp).toMatch(/^\d{4}-/);
    });
  });

  test("of nothing does nothing", async () => {
    await withServer(async ({ addr }) => {
      expect(await ok(["batch", addr])).toBe("");
      expect(await ok(["batch", addr], { stdin: "\n\n" })).toBe("");
      expect(lines<Frame>(await ok(["cat", addr])).map(({ topic }) => topic)).toEqual(["xs.start"]);
    });
  });

  test("of a bad line appends nothing, and says which it is", async () => {
    await withServer(async ({ addr }) => {
      const ran = await xs(["batch", addr], { stdin: '{"topic":"a"}\n\n{"topic":"b"}\n{"topik":"c"}\n' });
      expect([ran.code, ran.stdout]).toEqual([2, ""]);
      expect(ran.stderr).toMatch(/^xs: line 3: .*"topik".*nothing was appended\n$/);
      expect(await ok(["cat", addr, "-T", "a,b"])).toBe("");
    });
  });

  test("of more than a transaction holds is several, and says how far it came", async () => {
    await withServer(async ({ addr }) => {
      const stdin = Array.from({ length: 20_000 }, (_, n) => `{"topic":"n","meta":${n}}`);
      const printed = lines<Frame>(await ok(["batch", addr], { stdin: stdin.join("\n") }));
      expect(printed.map(({ meta }) => meta)).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
      const ran = await xs(["batch", addr], { stdin: [...stdin, "no"].join("\n") });
      expect([ran.code, lines<Frame>(ran.stdout).length]).toEqual([2, 16_384]);
      expect(ran.stderr).toMatch(/line 20001: not JSON.*16384 events before this batch were appended/);
    });
  });

  test("without a server says what to do", async () => {
    const ran = await xs(["batch", "/nowhere/store"], { stdin: '{"topic":"a"}' });
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining("xs serve")]);
  });
});
