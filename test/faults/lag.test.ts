// Followers that do not read: they cost no memory, hold up nobody, and get everything in the end.
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { packId } from "../../src/frame/id.ts";
import { rssOf } from "../support/memory.ts";
import { sized } from "../support/soak.ts";
import { withServer } from "../support/xs.ts";

// Each of many followers takes them all in this one process, so that in the gate many get fewer.
const RUNS = [
  { followers: 1, frames: sized(100_000, 1_000_000) },
  { followers: 50, frames: sized(20_000, 1_000_000) },
] as const;
const MEMORY_BYTES_MAX = 100 * 1024 * 1024;
// In one body; a body is imported in chunks of its own.
const FRAMES_A_BODY = 5_000;
const FRAMES_TO_WARM_UP = 50_000;

type Lagging = { readonly socket: Socket; readonly read: (count: number) => Promise<void> };

/** A follower that has sent its request and reads nothing until it is told to read so many frames, which come in order. */
function follow(path: string): Lagging {
  const socket = connect(path);
  socket.pause();
  socket.write("GET /?follow&topic=lag HTTP/1.1\r\nhost: x\r\n\r\n");
  const read = (count: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let [rest, newest, frames] = ["", "", 0];
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`cut off after ${frames} frames`)));
      socket.on("data", (data) => {
        // What frames the chunks of the body stands between lines and never within one: a line is what has an id.
        const lines = (rest + data.toString("latin1")).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          if (!line.startsWith('{"topic":"lag","id":"')) continue;
          const id = line.slice(21, 47);
          if (id <= newest) reject(new Error(`${id} came after ${newest}`));
          newest = id;
          frames++;
        }
        if (frames === count) resolve();
        else if (frames > count) reject(new Error(`${frames} frames of ${count}`));
      });
      socket.resume();
    });
  return { socket, read };
}

/** Imports frames that come after all that is there: a follower sees them as it sees appends. */
async function bulk(path: string, topic: string, startMs: number, count: number): Promise<void> {
  for (let from = 0; from < count; from += FRAMES_A_BODY) {
    const lines = Array.from({ length: Math.min(FRAMES_A_BODY, count - from) }, (_, n) => {
      const id = packId(startMs, String(from + n).padStart(16, "0"));
      return `{"topic":"${topic}","id":"${id}","hash":null,"meta":null,"ttl":"forever"}\n`;
    });
    const response = await fetch("http://x/import", { method: "POST", unix: path, body: lines.join("") });
    expect(await response.json()).toMatchObject({ imported: lines.length });
  }
}

for (const { followers, frames } of RUNS) {
  test(`${followers === 1 ? "a follower that does" : `${followers} followers that do`} not read while ${frames} frames come get them all, in order, and memory stays within 100 MB (I5, S3)`, async () => {
    await withServer(
      async ({ addr, pid }) => {
        const path = join(addr, "sock");
        const startMs = Date.now() - 30_000;
        // What an import itself needs is no matter of followers.
        await bulk(path, "other", startMs - 1, FRAMES_TO_WARM_UP);
        const all = Array.from({ length: followers }, () => follow(path));
        const rss = rssOf(pid);
        let highest = rss;
        const watch = setInterval(() => (highest = Math.max(highest, rssOf(pid))), 20);
        try {
          await bulk(path, "lag", startMs, frames);
          for (let n = 0; n < 100; n++) {
            const response = await fetch("http://x/append/lag", { method: "POST", unix: path });
            expect(response.ok).toBe(true);
            await response.arrayBuffer();
          }
          const total = frames + 100;
          for (const follower of all) {
            await follower.read(total);
            follower.socket.destroy();
          }
          expect((highest - rss) / 1024 / 1024).toBeLessThan(MEMORY_BYTES_MAX / 1024 / 1024);
        } finally {
          clearInterval(watch);
          for (const { socket } of all) socket.destroy();
        }
      },
      ["--quiet"],
    );
  }, 1_800_000);
}
