// kill -9 under load: what was acknowledged is there, with its content, once and in order.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { SOCKET_OF } from "../support/surfaces.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, serve } from "../support/xs.ts";

const ROUNDS = Number(process.env["XS_CRASH_ROUNDS"] ?? 4);
const WRITERS = 32;

type Frame = { topic: string; id: string; hash: string | null };

test("a server that is killed loses nothing that it acknowledged (I1, I4, C1, C2)", async () => {
  const dir = temporaryDir();
  const addr = join(dir.path, "store");
  const acknowledged = new Map<string, Frame & { content: string | null }>();
  for (let round = 0; round < ROUNDS; round++) {
    const server = await serve(addr, ["--quiet"]);
    let isOver = false;
    let [count, number] = [0, 0];
    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      while (!isOver) {
        const unique = `${round}.${writer}.${number++}`;
        const content = writer % 3 === 0 ? null : writer % 3 === 1 ? unique : unique.repeat(12_000);
        const query = writer % 4 === 3 ? "?ttl=last:1" : "";
        const response = await fetch(`http://x/append/w.${writer}${query}`, {
          method: "POST",
          unix: SOCKET_OF(addr),
          body: content,
        }).catch(() => null);
        const frame = response?.ok ? ((await response.json().catch(() => null)) as Frame | null) : null;
        if (frame === null) return;
        acknowledged.set(frame.id, { ...frame, content });
        count++;
      }
    });
    while (count < 150 + round * 60) await Bun.sleep(1);
    await server.kill();
    isOver = true;
    await Promise.all(writers);
  }
  const server = await serve(addr, ["--quiet"]);
  const frames = lines<Frame>(await ok(["cat", addr, "-T", "w.*"]));
  const ids = frames.map(({ id }) => id);
  expect(ids).toEqual([...new Set(ids)].toSorted());
  const stored = new Set(ids);
  const lastOf = new Map(frames.map(({ topic, id }) => [topic, id]));
  for (const { id, topic, hash, content } of acknowledged.values()) {
    // A topic of last:1 keeps its newest frame, which may be one that was not acknowledged any more.
    if (Number(topic.slice(2)) % 4 === 3) expect((lastOf.get(topic) ?? "") >= id).toBe(true);
    else expect([topic, id, stored.has(id)]).toEqual([topic, id, true]);
    if (!stored.has(id) || hash === null) continue;
    const response = await fetch(`http://x/cas/${hash}`, { unix: SOCKET_OF(addr) });
    expect(await response.text()).toBe(content ?? "");
  }
  for (const [topic] of lastOf) {
    if (Number(topic.slice(2)) % 4 === 3) expect(frames.filter((frame) => frame.topic === topic)).toHaveLength(1);
  }
  expect(acknowledged.size).toBeGreaterThan(ROUNDS * 150);
  expect(await server.stop()).toBe(0);
  dir.remove();
}, 300_000);
