// Clients in numbers and clients in slow motion: the server holds, and serves the others.
import { expect } from "bun:test";
import { connect, type Socket } from "node:net";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { expectWhole, Load } from "../support/load.ts";
import { rssOf } from "../support/memory.ts";
import { withMount } from "../support/mount.ts";
import { rawConnection } from "../support/http.ts";
import { sized, testWith } from "../support/soak.ts";
import { temporaryDir } from "../support/store.ts";
import { run, serve, withServer } from "../support/xs.ts";
import { test } from "bun:test";

const CONNECTIONS = sized(2_000, 8_000);
const FILES_MAX = 512;
const MEMORY_BYTES_MAX = 100 * 1024 * 1024;

async function connectMany(path: string, count: number, text: string): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(path);
    socket.on("error", () => undefined);
    socket.on("connect", () => socket.write(text));
    return socket;
  });
  await eventually("connections that are decided", () => sockets.every(({ connecting }) => !connecting), 30_000);
  return sockets;
}

testWith(
  [{ command: "prlimit" }],
  `${CONNECTIONS} connections, more than the server may open files, end as they came: it serves again when they leave (S3, S5)`,
  async () => {
    await withServer(
      async ({ addr, pid }) => {
        const load = new Load();
        await load.append(addr, "a", "before");
        const limit = await run(["prlimit", `--nofile=${FILES_MAX}:${FILES_MAX}`, "--pid", String(pid)]);
        expect(limit.code).toBe(0);
        const rss = rssOf(pid);
        // A third of them idle, a third in the middle of their headers, a third following.
        const texts = ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ", "GET /?follow HTTP/1.1\r\nhost: x\r\n\r\n"];
        const sockets = await Promise.all(
          texts.map((text) => connectMany(join(addr, "sock"), Math.floor(CONNECTIONS / 3), text)),
        );
        expect(rssOf(pid) - rss).toBeLessThan(MEMORY_BYTES_MAX);
        for (const socket of sockets.flat()) socket.destroy();
        await eventually(
          "an append that works again",
          () =>
            fetch("http://x/append/a", {
              method: "POST",
              unix: join(addr, "sock"),
              body: "after ".repeat(20_000),
              signal: AbortSignal.timeout(2_000),
            }).then(
              ({ ok }) => ok,
              () => false,
            ),
          30_000,
        );
        await load.verify(addr);
        await expectWhole(addr);
      },
      ["--quiet"],
    );
  },
);

const HEAD = "POST /append/slow HTTP/1.1\r\nhost: x\r\n";

test("a client that sends a byte at a time gets its answer, and holds up nobody (S3)", async () => {
  await withServer(
    async ({ addr }) => {
      const load = new Load();
      const slow = rawConnection(join(addr, "sock"), "");
      const text = `${HEAD}content-length: 5\r\n\r\nhello`;
      for (const [n, byte] of [...text].entries()) {
        slow.socket.write(byte);
        // Between any two of them another append is answered: that paces it, too.
        expect(await load.append(addr, "other", `${n}`)).not.toBeNull();
      }
      await eventually("its answer", () => slow.text().includes('"topic":"slow"'));
      slow.socket.destroy();
      await load.verify(addr);
    },
    ["--quiet"],
  );
});

test("a body that stops half-way leaves nothing, small or large, with a length or in chunks (C6)", async () => {
  await withServer(
    async ({ addr }) => {
      const part = "y".repeat(200_000);
      const starts = [
        `${HEAD}content-length: 100\r\n\r\nhalf`,
        `${HEAD}content-length: 1000000\r\n\r\n${part}`,
        `${HEAD}transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
        `${HEAD}transfer-encoding: chunked\r\n\r\n${part.length.toString(16)}\r\n${part}\r\n`,
      ];
      const sockets = starts.map((start) => rawConnection(join(addr, "sock"), start));
      await eventually("the large ones on their way", () => readdirSync(join(addr, "cas/tmp")).length === 2);
      for (const { socket } of sockets) socket.destroy();
      await eventually("no temporary file", () => readdirSync(join(addr, "cas/tmp")).length === 0);
      const text = await (await fetch("http://x/?topic=slow", { unix: join(addr, "sock") })).text();
      expect(text).toBe("");
      await expectWhole(addr);
    },
    ["--quiet"],
  );
});

testWith(
  ["root", { command: "mount" }],
  "a chunked body without an end is bounded by the disk: 507, and nothing stays (S3, S4, C6)",
  async () => {
    await withMount("tmpfs", "64M", async ({ path }) => {
      const addr = join(path, "store");
      const server = await serve(addr, ["--quiet"]);
      try {
        const rss = rssOf(server.pid);
        const chunk = Buffer.alloc(1 << 20, 0x61);
        const { promise: answered, resolve } = Promise.withResolvers<string>();
        const socket = connect(join(addr, "sock"));
        socket.on("error", () => undefined);
        socket.once("data", (data) => resolve(data.toString()));
        let isOver = false;
        void answered.then(() => (isOver = true));
        socket.write(`${HEAD}transfer-encoding: chunked\r\n\r\n`);
        for (let n = 0; n < 4_096 && !isOver; n++) {
          const hasRoom = socket.write(Buffer.concat([Buffer.from("100000\r\n"), chunk, Buffer.from("\r\n")]));
          if (!hasRoom) await Promise.race([new Promise((done) => socket.once("drain", done)), answered]);
        }
        expect((await answered).split("\r\n")[0]).toBe("HTTP/1.1 507 Insufficient Storage");
        socket.destroy();
        await eventually("no temporary file", () => readdirSync(join(addr, "cas/tmp")).length === 0);
        expect(rssOf(server.pid) - rss).toBeLessThan(MEMORY_BYTES_MAX);
        expect(await new Load().append(addr, "after", "it works again")).not.toBeNull();
      } finally {
        await server.kill();
      }
    });
  },
);

test("a compressed body is refused, however small (S3)", async () => {
  await withServer(
    async ({ addr }) => {
      for (const [path, encoding] of [
        ["/append/a", "gzip"],
        ["/cas", "br"],
        ["/import", "zstd"],
      ] as const) {
        const response = await fetch(`http://x${path}`, {
          method: "POST",
          unix: join(addr, "sock"),
          headers: { "content-encoding": encoding },
          body: Bun.gzipSync(Buffer.alloc(10_000_000)),
        });
        expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([400, "invalid"]);
      }
    },
    ["--quiet"],
  );
});

test("SIGTERM under 64 writers loses nothing that was acknowledged, and ends with 0 (I1, C1, S2)", async () => {
  const dir = temporaryDir();
  const addr = join(dir.path, "store");
  const load = new Load();
  for (let round = 0; round < sized(2, 20); round++) {
    const server = await serve(addr, ["--quiet"]);
    const writers = load.start(addr, 64);
    const before = load.acknowledged.size;
    await eventually("some appends", () => load.acknowledged.size > before + 200);
    expect(await server.stop()).toBe(0);
    await writers.stop();
    expect([...load.refused.keys()].filter((told) => told !== "503 unavailable")).toEqual([]);
    const again = await serve(addr, ["--quiet"]);
    try {
      const frames = await load.verify(addr);
      expect(frames.at(-2)?.topic).toBe("xs.stopping");
      await expectWhole(addr);
    } finally {
      await again.kill();
    }
  }
  dir.remove();
});
