// Large content: streamed both ways, in memory that does not depend on its size.
import { expect, test } from "bun:test";
import { closeSync, constants, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { temporaryDir } from "../support/store.ts";
import { COMMAND, run, withServer, xs } from "../support/xs.ts";

// A 2 GB append must not raise the server's memory by more than 64 MB; a tenth of it shows what would grow.
const CONTENT_BYTES = 200_000_000;
const GROWTH_KB_MAX = 64 * 1024;

const memoryKb = (pid: number, field: "VmRSS" | "VmHWM"): number =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

test("content of 200 MB goes in and out in bounded memory, and its bytes are the same", async () => {
  await withServer(
    async ({ addr, pid }) => {
      const isLinux = existsSync(`/proc/${pid}/status`);
      const before = isLinux ? memoryKb(pid, "VmRSS") : 0;
      const program = COMMAND.map((word) => `'${word}'`).join(" ");
      const source = `head -c ${CONTENT_BYTES} /dev/zero`;
      const appended = await run(["bash", "-c", `${source} | ${program} append '${addr}' big`]);
      const { hash } = JSON.parse(appended.stdout) as { hash: string };
      const sums = await run([
        "bash",
        "-o",
        "pipefail",
        "-c",
        `${program} cas '${addr}' '${hash}' | sha256sum && ${source} | sha256sum`,
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
    const { code, stderr } = await run([
      "bash",
      "-c",
      `${COMMAND.map((word) => `'${word}'`).join(" ")} cas '${addr}' '${hash}' > /dev/full`,
    ]);
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
