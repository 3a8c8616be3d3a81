// Large content: streamed both ways, in memory that does not depend on its size.
import { expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { temporaryDir } from "../support/store.ts";
import { COMMAND, run, withServer, xs } from "../support/xs.ts";

// A 2 GB append must not raise the server's memory by more than 64 MB; a tenth of it shows what would grow.
const CONTENT_BYTES = 200_000_000;
const GROWTH_KB_MAX = 64 * 1024;

const PROGRAM = COMMAND.map((word) => `'${word}'`).join(" ");

const memoryKb = (pid: number, field: "VmRSS" | "VmHWM"): number =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

test("content of 200 MB goes in and out in bounded memory, and its bytes are the same", async () => {
  await withServer(
    async ({ addr, pid }) => {
      const isLinux = existsSync(`/proc/${pid}/status`);
      const before = isLinux ? memoryKb(pid, "VmRSS") : 0;
      const source = `head -c ${CONTENT_BYTES} /dev/zero`;
      const appended = await run(["bash", "-c", `${source} | ${PROGRAM} append '${addr}' big`]);
      const { hash } = JSON.parse(appended.stdout) as { hash: string };
      const sums = await run([
        "bash",
        "-o",
        "pipefail",
        "-c",
        `${PROGRAM} cas '${addr}' '${hash}' | sha256sum && ${source} | sha256sum`,
      ]);
      const [out, original] = sums.stdout.split("\n");
      expect(sums.code).toBe(0);
      expect(out).toBe(original);
      expect(readdirSync(join(addr, "cas/tmp"))).toEqual([]);
      if (isLinux) expect(memoryKb(pid, "VmHWM") - before).toBeLessThan(GROWTH_KB_MAX);
      else console.error("skipped: the memory of a process is read from /proc");
    },
    ["--quiet"],
  );
}, 180_000);

test("an output that takes no more is told as what it is", async () => {
  await withServer(async ({ addr }) => {
    const { hash } = JSON.parse((await xs(["append", addr, "t"], { stdin: "x".repeat(200_000) })).stdout) as {
      hash: string;
    };
    if (!existsSync("/dev/full")) return console.error("skipped: there is no /dev/full");
    const { code, stderr } = await run(["bash", "-c", `${PROGRAM} cas '${addr}' '${hash}' > /dev/full`]);
    expect(code).toBe(1);
    expect(stderr).toContain("no space left");
  });
});

test("a pipe that does not block, and is read slowly, gets every byte once", async () => {
  const dir = temporaryDir();
  const pipe = join(dir.path, "pipe");
  await run(["mkfifo", pipe]);
  await withServer(async ({ addr }) => {
    const content = Buffer.from(Uint8Array.from({ length: 500_000 }, (_, n) => (n * 31 + (n >> 9)) % 256));
    const { hash } = JSON.parse((await xs(["append", addr, "t"], { stdin: content })).stdout) as { hash: string };
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    const child = Bun.spawn([...COMMAND, "cas", addr, hash], { stdin: "ignore", stdout: writer, stderr: "inherit" });
    closeSync(writer);
    const received = await readSlowly(reader);
    closeSync(reader);
    expect(await child.exited).toBe(0);
    expect(received.equals(content)).toBe(true);
  });
  dir.remove();
});

// A small piece a millisecond, so that the writer finds the pipe full.
async function readSlowly(fd: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = Buffer.alloc(3_000);
    try {
      const bytes = readSync(fd, piece);
      if (bytes === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
    await Bun.sleep(1);
  }
}

test("equal content is stored once, above and below the line between file and database", async () => {
  await withServer(async ({ addr }) => {
    for (const size of [1_000, 500_000]) {
      const content = Uint8Array.from({ length: size }, (_, n) => (n * 31) % 256);
      const hashes = new Set<string>();
      for (let n = 0; n < 3; n++)
        hashes.add((JSON.parse((await xs(["append", addr, "t"], { stdin: content })).stdout) as { hash: string }).hash);
      expect(hashes.size).toBe(1);
    }
    const shards = readdirSync(join(addr, "cas")).filter((name) => name !== "tmp");
    expect(shards.flatMap((shard) => readdirSync(join(addr, "cas", shard)))).toHaveLength(1);
  });
});

test("a range of content is served as HTTP has it", async () => {
  await withServer(async ({ addr }) => {
    for (const size of [1_000, 500_000]) {
      const content = Uint8Array.from({ length: size }, (_, n) => (n * 31) % 251);
      const { hash } = JSON.parse((await xs(["append", addr, "t"], { stdin: content })).stdout) as { hash: string };
      const ask = (range: string, method = "GET"): Promise<Response> =>
        fetch(`http://x/cas/${hash}`, { method, unix: join(addr, "sock"), headers: { range } });
      const expected: readonly (readonly [string, number, number])[] = [
        ["bytes=0-9", 0, 10],
        ["bytes=990-", 990, size],
        ["bytes=-10", size - 10, size],
        ["bytes=10-99999999", 10, size],
      ];
      for (const [range, start, end] of expected) {
        const response = await ask(range);
        expect([range, response.status, response.headers.get("content-range")]).toEqual([
          range,
          206,
          `bytes ${start}-${end - 1}/${size}`,
        ]);
        expect(response.headers.get("content-disposition")).toBe("inline");
        expect(response.headers.get("content-length")).toBe(String(end - start));
        expect(Buffer.from(await response.arrayBuffer()).equals(content.subarray(start, end))).toBe(true);
      }
      const beyond = await ask(`bytes=${size}-`);
      expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${size}`]);
      const head = await ask("", "HEAD");
      expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, String(size), ""]);
    }
  });
});

test("of a file on stdin the content is what nobody has read before", async () => {
  const dir = temporaryDir();
  await withServer(async ({ addr }) => {
    for (const size of [1_000, 100_000, 5_000_000]) {
      const rest = Uint8Array.from({ length: size }, (_, n) => (n * 31) % 251);
      const path = join(dir.path, "file");
      writeFileSync(path, Buffer.concat([Buffer.from("a line\n"), rest]));
      const { stdout } = await run(["bash", "-c", `{ read -r line; ${PROGRAM} append '${addr}' t; } < '${path}'`]);
      const { hash } = JSON.parse(stdout) as { hash: string };
      expect(Buffer.from((await xs(["cas", addr, hash])).bytes).equals(rest)).toBe(true);
    }
  }).finally(dir.remove);
});

test("a file that becomes shorter while it is sent is told, and leaves nothing behind", async () => {
  const dir = temporaryDir();
  await withServer(async ({ addr }) => {
    const path = join(dir.path, "sparse");
    writeFileSync(path, "");
    truncateSync(path, 64_000_000_000);
    const appending = run(["bash", "-c", `${PROGRAM} append '${addr}' t < '${path}'`]);
    await eventually("an upload", () => readdirSync(join(addr, "cas/tmp")).length > 0);
    truncateSync(path, 1_000);
    const { code, stderr } = await appending;
    expect([code, stderr]).toEqual([
      1,
      "xs: stdin became shorter while it was sent: whether it was stored is not known\n",
    ]);
    await eventually("the end of the upload", () => readdirSync(join(addr, "cas/tmp")).length === 0);
  }).finally(dir.remove);
});

test("over a network a file goes in as a stream, and what comes out is held against its hash once more", async () => {
  const dir = temporaryDir();
  const content = Uint8Array.from({ length: 1_000_000 }, (_, n) => (n * 31) % 251);
  let received: Uint8Array = new Uint8Array();
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      if (request.method === "GET") return new Response(content);
      received = await request.bytes();
      return new Response("stored\n");
    },
  });
  const path = join(dir.path, "file");
  writeFileSync(path, content);
  const addr = `127.0.0.1:${server.port}`;
  const sent = await run(["bash", "-c", `${PROGRAM} cas-post ${addr} < '${path}'`]).finally(dir.remove);
  expect([sent.code, sent.stdout, Buffer.from(received).equals(content)]).toEqual([0, "stored\n", true]);
  const hash = `sha256-${new Bun.CryptoHasher("sha256").update(content).digest("base64")}`;
  expect((await xs(["cas", addr, hash])).code).toBe(0);
  const other = `sha256-${new Bun.CryptoHasher("sha256").update("other").digest("base64")}`;
  const { code, stderr } = await xs(["cas", addr, other]);
  expect([code, stderr]).toEqual([1, `xs: what came is not the content ${other}: do not trust it\n`]);
});

test("a file on stdin is taken by who reads it: the next one finds nothing, whatever its size", async () => {
  const dir = temporaryDir();
  await withServer(async ({ addr }) => {
    for (const size of [1_000, 500_000]) {
      const path = join(dir.path, `file-${size}`);
      writeFileSync(path, "x".repeat(size));
      const twice = `{ ${PROGRAM} append '${addr}' t; ${PROGRAM} append '${addr}' t; } < '${path}'`;
      const { stdout } = await run(["bash", "-c", twice]);
      const [first, second] = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as { hash: string | null });
      expect((await xs(["cas", addr, String(first?.hash)])).stdout).toHaveLength(size);
      expect([size, second?.hash]).toEqual([size, null]);
    }
  });
  dir.remove();
});
