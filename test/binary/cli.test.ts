// The command line as a person meets it: the tour, the messages, the exit codes.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS, loadCommand } from "../../src/cli/table.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDir } from "../support/store.ts";
import { COMMAND, lines, ok, run, serve, withServer, xs } from "../support/xs.ts";

const CONTENT_HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

type Frame = { topic: string; id: string; hash: string | null; meta: unknown; ttl: string | null };

describe("the tour", () => {
  test("serve, append, cat, cas, head and get give the shapes of the original's page", async () => {
    await withServer(async ({ addr, log }) => {
      await eventually("the first line of the log", () => log().includes("\n"));
      expect(log()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} [0-9A-Z]{5} xs\.start\n/);
      const meta = ["--meta", '{"type":"text/plain"}'];
      const first = await ok(["append", addr, "my-topic", ...meta], { stdin: "content" });
      expect(first).toMatch(
        /^\{"topic":"my-topic","id":"[0-9A-Z]{26}","hash":"[^"]+","meta":\{"type":"text\/plain"\},"ttl":"forever"\}$/,
      );
      const frame = JSON.parse(first) as Frame;
      expect(frame.hash).toBe(CONTENT_HASH);
      expect(frame.id).toMatch(ULID);

      const [start, again] = lines<Frame>(await ok(["cat", `${addr}/`]));
      expect({ ...start, id: "" }).toEqual({
        topic: "xs.start",
        id: "",
        hash: null,
        meta: { expose: null },
        ttl: null,
      });
      expect(again).toEqual(frame);
      expect(await ok(["cas", `${addr}/`, CONTENT_HASH])).toBe("content");

      const second = JSON.parse(await ok(["append", addr, "my-topic", ...meta], { stdin: "more content" })) as Frame;
      expect(JSON.parse(await ok(["head", addr, "my-topic"]))).toEqual(second);
      expect(await ok(["cas", addr, second.hash ?? ""])).toBe("more content");
      expect(JSON.parse(await ok(["get", addr, frame.id]))).toEqual(frame);
    });
  });

  test("a bare name is a store directory", async () => {
    const dir = temporaryDir();
    const server = await serve(join(dir.path, "store"));
    expect(lines(await ok(["cat", "store"], { cwd: dir.path }))).toHaveLength(1);
    expect(await server.stop()).toBe(0);
    dir.remove();
  });

  test("meta comes back as it was given, but for white space", async () => {
    await withServer(async ({ addr }) => {
      const meta = '{ "b": 1.0, "2": 1e3, "1": 9007199254740993, "a": [ true, null, "x  y\\u00e9" ] }';
      const line = await ok(["append", addr, "t", "--meta", meta]);
      expect(line).toContain('"meta":{"b":1.0,"2":1e3,"1":9007199254740993,"a":[true,null,"x  y\\u00e9"]},');
      expect(await ok(["cat", addr, "-T", "t"])).toBe(line);
    });
  });

  test("an empty stdin is no content, and content is kept byte for byte", async () => {
    await withServer(async ({ addr }) => {
      expect((JSON.parse(await ok(["append", addr, "t"], { stdin: "" })) as Frame).hash).toBeNull();
      const bytes = Uint8Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256);
      const { hash } = JSON.parse(await ok(["append", addr, "t"], { stdin: bytes })) as Frame;
      const { bytes: back } = await xs(["cas", addr, hash ?? ""]);
      expect(Buffer.from(back).equals(bytes)).toBe(true);
    });
  });

  test("with-timestamp adds the time of the id at the end", async () => {
    await withServer(async ({ addr }) => {
      const line = await ok(["append", addr, "t", "--with-timestamp"]);
      expect(line).toMatch(/"ttl":"forever","timestamp":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"\}$/);
      const { id, timestamp } = JSON.parse(line) as { id: string; timestamp: string };
      const unpacked = JSON.parse(await ok(["id", "unpack", id])) as { ts_ms: number; random: string };
      expect(new Date(unpacked.ts_ms).toISOString()).toBe(timestamp);
      expect(await ok(["id", "pack", JSON.stringify(unpacked)])).toBe(id);
      expect(await ok(["head", addr, "t", "--with-timestamp"])).toBe(line);
      expect(await ok(["get", addr, id, "--with-timestamp"])).toBe(line);
      expect(await ok(["cat", addr, "-T", "t", "--with-timestamp"])).toBe(line);
    });
  });

  test("last answers one object, or the n newest as lines", async () => {
    await withServer(async ({ addr }) => {
      for (const topic of ["a.x", "b", "a.y"]) await ok(["append", addr, topic]);
      const topics = (text: string): string[] => lines<Frame>(text).map(({ topic }) => topic);
      expect(topics(await ok(["last", addr]))).toEqual(["a.y"]);
      expect(topics(await ok(["last", addr, "2"]))).toEqual(["b", "a.y"]);
      expect(topics(await ok(["last", addr, "a.*", "5"]))).toEqual(["a.x", "a.y"]);
      expect((await xs(["last", addr, "nothing"])).code).toBe(4);
      expect(await ok(["last", addr, "nothing", "3"])).toBe("");
    });
  });

  test("a removed frame is gone, and removing it again is no error", async () => {
    await withServer(async ({ addr }) => {
      const { id } = JSON.parse(await ok(["append", addr, "t"])) as Frame;
      expect(await ok(["remove", addr, id])).toBe("");
      expect(await ok(["remove", addr, id])).toBe("");
      expect((await xs(["get", addr, id])).code).toBe(4);
    });
  });
});

describe("messages and exit codes", () => {
  test("wrong usage ends with 2, names the fault, and prints no data", async () => {
    await withServer(async ({ addr }) => {
      const cases: readonly (readonly [string[], RegExp])[] = [
        [["cat", addr, "--topik", "a"], /--topik/],
        [["cat", addr, "-z"], /-z/],
        [["cat"], /addr/],
        [["cat", addr, "extra"], /extra/],
        [["cat", addr, "--limit"], /--limit needs a value/],
        [["cat", addr, "--limit", "x"], /limit/],
        [["cat", addr, "--limit", "-1"], /limit/],
        [["cat", addr, "--last", "1.5"], /last/],
        [["cat", addr, "--after", "nope"], /after/],
        [["cat", addr, "--topic", "a..b"], /topic/],
        [["cat", addr, "--follow=yes"], /--follow/],
        [["cat", addr, "--pulse", "100"], /pulse/],
        [["cat", addr, "--new", "--after", "01M8AEKHNPRPHBPYV1Q4P8JFDE"], /new and after/],
        [["append", addr, "1bad"], /1bad/],
        [["append", addr, "a b"], /a b/],
        [["append", addr, "t", "--ttl", "time:soon"], /ttl/],
        [["append", addr, "t", "--ttl", "last:0"], /ttl/],
        [["append", addr, "t", "--meta", "{"], /meta/],
        [["get", addr, "nope"], /nope/],
        [["cas", addr, "sha256-nope"], /sha256-nope/],
        [["serve", addr, "--fsync", "sometimes"], /fsync/],
        [["id", "fold"], /fold/],
        [["nonsense"], /nonsense/],
        [["help", "nonsense"], /nonsense/],
      ];
      for (const [args, message] of cases) {
        const { code, stdout, stderr } = await xs(args);
        expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
        expect(stderr).toMatch(/^xs: .+\n$/);
        expect(stderr).toMatch(message);
      }
      expect(lines(await ok(["cat", addr]))).toHaveLength(1);
    });
  }, 120_000);

  test("what is not there ends with 4", async () => {
    await withServer(async ({ addr }) => {
      for (const args of [
        ["head", addr, "nothing"],
        ["get", addr, "01M8AEKHNPRPHBPYV1Q4P8JFDE"],
        ["cas", addr, CONTENT_HASH],
      ]) {
        expect((await xs(args)).code).toBe(4);
      }
    });
  });

  test("a store that cannot be reached ends with 3 and says how to start it", async () => {
    const dir = temporaryDir();
    const nowhere = await xs(["cat", "./store"], { cwd: dir.path });
    expect(nowhere).toMatchObject({ code: 3, stderr: "xs: no store at ./store; start one with: xs serve ./store\n" });
    const server = await serve(join(dir.path, "store"));
    await server.kill();
    const dead = await xs(["append", "./store", "t"], { cwd: dir.path, stdin: "x" });
    expect(dead.code).toBe(3);
    expect(dead.stderr).toContain("xs serve ./store");
    expect((await xs(["version", "127.0.0.1:1"])).code).toBe(3);
    dir.remove();
  });

  test("a store is reached by its directory, by its socket, and by a path too long for a socket", async () => {
    const dir = temporaryDir();
    const server = await serve(join(dir.path, "store"));
    const deep = join(dir.path, "d".repeat(100));
    mkdirSync(deep);
    symlinkSync(server.addr, join(deep, "link"));
    // Content that is sent as a stream can be sent only once.
    const stdin = "x".repeat(200_000);
    for (const [address, cwd] of [
      [server.addr, "/"],
      [`${server.addr}/sock`, "/"],
      ["./store/", dir.path],
      ["store/sock", dir.path],
      [join(deep, "link"), deep],
    ] as const) {
      const frame = JSON.parse(await ok(["append", address, "t"], { stdin, cwd })) as Frame;
      expect(JSON.parse(await ok(["head", address, "t"], { cwd }))).toEqual(frame);
    }
    expect(await server.stop()).toBe(0);
    dir.remove();
  });

  test("an append where no store is ends at once, though its input goes on", async () => {
    const dir = temporaryDir();
    const command = [...COMMAND, "append", join(dir.path, "store"), "t"];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "ignore", stderr: "pipe" });
    expect(await child.exited).toBe(3);
    expect(await child.stderr.text()).toContain("no store at");
    dir.remove();
  });

  test("every command has a help with an example, and says when it is used wrongly where to look", async () => {
    const overview = await ok(["help"]);
    for (const name of Object.keys(COMMANDS)) {
      expect(overview).toContain(`\n  ${name} `);
      const help = await ok(["help", name]);
      expect(help).toContain(`Usage: xs ${name}`);
      expect(help).toContain(`Examples:\n  `);
      const { examples, flags } = await loadCommand(name);
      expect(examples.length).toBeGreaterThan(0);
      for (const flag of Object.keys(flags)) expect(help).toContain(`--${flag}`);
    }
    expect(await ok(["cat", "--help"])).toBe(await ok(["help", "cat"]));
    expect(await ok([])).toBe(overview);
  }, 120_000);
});

describe("pipes", () => {
  test("a follower whose reader leaves ends at once and quietly, also on a quiet topic", async () => {
    await withServer(async ({ addr }) => {
      const started = Date.now();
      const command = `${COMMAND.map((word) => `'${word}'`).join(" ")} cat -f '${addr}'`;
      const { code, stdout, stderr } = await run(["bash", "-o", "pipefail", "-c", `${command} | head -1`]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(lines(stdout)).toHaveLength(1);
      expect(Date.now() - started).toBeLessThan(30_000);
    });
  });

  test("a follower ends when its server stops, with what was told until then", async () => {
    const dir = temporaryDir();
    const server = await serve(join(dir.path, "store"));
    const out = join(dir.path, "out");
    const command = `${COMMAND.map((word) => `'${word}'`).join(" ")} cat -f '${server.addr}' > '${out}'`;
    const following = run(["bash", "-c", command]);
    await eventually("follower that is connected", () => existsSync(out) && readFileSync(out, "utf8") !== "");
    await ok(["append", server.addr, "t"]);
    expect(await server.stop()).toBe(0);
    expect((await following).code).toBe(0);
    const stdout = readFileSync(out, "utf8");
    const topics = lines<Frame>(stdout).map(({ topic }) => topic);
    expect(topics.filter((topic) => topic !== "xs.threshold")).toEqual(["xs.start", "t", "xs.stopping"]);
    dir.remove();
  });

  test("the program takes nothing from the directory it stands in", async () => {
    const dir = temporaryDir();
    mkdirSync(join(dir.path, "here"));
    const here = join(dir.path, "here");
    writeFileSync(join(here, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(join(here, "evil.ts"), `require("fs").writeFileSync("${here}/ran", "")`);
    writeFileSync(join(here, ".env"), "XS_DEBUG=1\n");
    // From source Bun itself reads bunfig.toml; the binary must not.
    if (process.env["XS_BIN"]) {
      await ok(["version"], { cwd: here });
      expect(existsSync(join(here, "ran"))).toBe(false);
    }
    dir.remove();
  });
});
