// Many events at once, by the command.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDir } from "../support/store.ts";
import { COMMAND, lines, ok, run, withServer, xs } from "../support/xs.ts";

const HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
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
      expect(ran.stderr).toMatch(/^xs: line 4: a frame has no key "topik".*\n$/);
      const missing = `{"topic":"a"}\n\n{"topic":"b","hash":"${HASH}"}`;
      expect((await xs(["batch", addr], { stdin: missing })).stderr).toMatch(
        /^xs: line 3: content sha256-.* is not in/,
      );
      const large = JSON.stringify({ topic: "a", content: "x".repeat(65_537) });
      expect(await xs(["batch", addr], { stdin: `{"topic":"a"}\n${large}` })).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/^xs: line 2: the content has more than 65536 bytes; store it first/),
      });
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
      expect(ran.stderr).toMatch(/line 20001: not JSON.*16384 events before that were appended/);
      const broken = await xs(["batch", addr], { stdin: Buffer.of(0xff) });
      expect([broken.code, broken.stderr]).toEqual([2, "xs: the text is not UTF-8\n"]);
    });
  });

  test("appends all of its input, also when nobody reads what it prints", async () => {
    await withServer(async ({ addr }) => {
      const stdin = Array.from({ length: 40_000 }, (_, n) => `{"topic":"n","meta":${n}}`).join("\n");
      const [first] = lines<Frame>(
        (await run(["sh", "-c", '"$@" | head -1', "sh", ...COMMAND, "batch", addr], { stdin })).stdout,
      );
      expect(first?.meta).toBe(0);
      expect(JSON.parse(await ok(["last", addr, "n"])).meta).toBe(39_999);
    });
  });

  test("begins where the shell has read to in a file", async () => {
    await withServer(async ({ addr }) => {
      const dir = temporaryDir();
      const file = join(dir.path, "lines");
      writeFileSync(file, 'header\n{"topic":"a"}\n');
      const script = 'read -r line < /dev/null; { read -r line; "$@"; } < "$FILE"';
      const ran = await run(["bash", "-c", script, "bash", ...COMMAND, "batch", addr], { env: { FILE: file } });
      expect(lines<Frame>(ran.stdout).map(({ topic }) => topic)).toEqual(["a"]);
      dir.remove();
    });
  });

  test("that a server does not answer to its end has failed", async () => {
    const dir = temporaryDir();
    const half = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n{";
    const server = Bun.listen({
      unix: join(dir.path, "sock"),
      socket: { data: (socket) => void socket.end(half) },
    });
    const ran = await xs(["batch", dir.path], { stdin: '{"topic":"a"}' });
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining("whether it was done is not known")]);
    server.stop(true);
    dir.remove();
  });

  test("without a server says what to do", async () => {
    const ran = await xs(["batch", "/nowhere/store"], { stdin: '{"topic":"a"}' });
    expect([ran.code, ran.stderr]).toEqual([3, expect.stringContaining("xs serve")]);
  });
});
