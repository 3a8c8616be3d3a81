import { describe, expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Hono } from "hono";
import { contentPath } from "../../src/store/cas-layout.ts";
import type { Hash } from "../../src/frame/hash.ts";
import { listen } from "../../src/http/listen.ts";
import { META, rawConnection, withSocket } from "../support/http.ts";
import { eventually } from "../support/eventually.ts";
import { appendAll, draft, readIds, readLines } from "../support/read.ts";
import { temporaryDir } from "../support/store.ts";

const get = (unix: string, path: string, init: BunFetchRequestInit = {}): Promise<Response> =>
  fetch(`http://localhost${path}`, { unix, ...init });
const LARGE = new Uint8Array(1_000_000).map((_, at) => (at * 31) % 251);

describe("on its socket", () => {
  test("a store is reached by its owner alone", () =>
    withSocket(async (socket) => {
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      expect((await get(socket, "/version")).status).toBe(200);
    }));

  test("large content goes in and out as it is, also without a length ahead, and HEAD tells its length", () =>
    withSocket(async (socket) => {
      const body = new ReadableStream({
        start(controller) {
          for (let at = 0; at < LARGE.length; at += 100_000) controller.enqueue(LARGE.slice(at, at + 100_000));
          controller.close();
        },
      });
      const first = await (await get(socket, "/cas", { method: "POST", body: LARGE })).text();
      expect(await (await get(socket, "/cas", { method: "POST", body })).text()).toBe(first);
      expect(await (await get(socket, `/cas/${first}`)).bytes()).toEqual(LARGE);
      const part = await get(socket, `/cas/${first}`, { headers: { range: "bytes=500000-" } });
      expect(await part.bytes()).toEqual(LARGE.subarray(500_000));
      const head = rawConnection(socket, `HEAD /cas/${first} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      await head.closed;
      expect(head.text()).toMatch(/^HTTP\/1.1 200 [^]*content-length: 1000000\r\n/i);
      expect(head.text()).toEndWith("\r\n\r\n");
    }));

  test("empty content is answered as no bytes", () =>
    withSocket(async (socket) => {
      const hash = await (await get(socket, "/cas", { method: "POST" })).text();
      expect(await (await get(socket, `/cas/${hash}`)).bytes()).toHaveLength(0);
    }));

  test("an event stream in which nothing happens yet opens at once, and misses nothing from then on", () =>
    withSocket(async (socket, store) => {
      const response = await get(socket, "/?follow&new", { headers: { accept: "text/event-stream" } });
      expect(response.status).toBe(200);
      const reader = response.body?.getReader();
      const next = async (): Promise<string> => Buffer.from((await reader?.read())?.value as Uint8Array).toString();
      expect(await next()).toBe(":\n\n");
      const [id] = await appendAll(store, ["a"]);
      expect(await next()).toStartWith(`id: ${id}\n`);
      await reader?.cancel();
    }));

  test("a follower that leaves is forgotten, one that waits as one that was never read", () =>
    withSocket(async (socket, store) => {
      const leaving = new AbortController();
      const response = await get(socket, "/?follow", { signal: leaving.signal });
      const raw = rawConnection(socket, "GET /?follow&new HTTP/1.1\r\nHost: x\r\n\r\n");
      await response.body?.getReader().read();
      await eventually("both follow", () => store.followers === 2);
      leaving.abort();
      raw.socket.destroy();
      await eventually("nobody follows", () => store.followers === 0);
    }));

  test(
    "a follower that stops reading leaves the server small, and then gets each frame once, in order",
    () =>
      withSocket(async (socket, store) => {
        const response = await get(socket, "/?follow&topic=a");
        const meta = `"${"x".repeat(20_000)}"`;
        const before = process.memoryUsage.rss();
        for (let round = 0; round < 30; round++) {
          await Promise.all(Array.from({ length: 100 }, () => store.append(draft("a", "forever", meta))));
        }
        expect(process.memoryUsage.rss() - before).toBeLessThan(300 * 1024 * 1024);
        const ids: string[] = [];
        let text = "";
        const decoder = new TextDecoder();
        for await (const chunk of response.body ?? []) {
          const lines = (text + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
          text = lines.pop() ?? "";
          for (const line of lines) if (!line.includes('"xs.threshold"')) ids.push(JSON.parse(line).id);
          if (ids.length >= 3_000) break;
        }
        expect(ids).toEqual(await readIds(store));
      }),
    30_000,
  );

  test(
    "a follower to whom nothing comes stays connected",
    () =>
      withSocket(async (socket, store) => {
        const response = await get(socket, "/?follow");
        const reader = response.body?.getReader();
        await eventually("it follows", () => store.followers === 1);
        const beginMs = Date.now();
        await eventually(
          "13 seconds have passed",
          () => Date.now() - beginMs > 13_000 || store.followers === 0,
          20_000,
        );
        const [id] = await appendAll(store, ["a"]);
        await reader?.read();
        const { value } = (await reader?.read()) ?? {};
        expect(Buffer.from((value as Uint8Array | undefined) ?? []).toString()).toContain(id ?? "?");
        await reader?.cancel();
      }),
    30_000,
  );

  test.each([
    ["small with a length", "POST /append/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"],
    [
      "large with a length",
      `POST /append/a HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n${"x".repeat(200_000)}`,
    ],
    ["in chunks", "POST /append/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    [
      "of an import",
      'POST /import HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{"topic":"a","id":"01M8AF1V620000000000000000"}\n',
    ],
  ])("a body cut short, %s, stores nothing", (_, text) =>
    withSocket(async (socket, store) => {
      const raw = rawConnection(socket, text);
      await new Promise((resolve) => raw.socket.once("connect", resolve));
      await get(socket, "/version");
      raw.socket.destroy();
      await raw.closed;
      const [id] = await appendAll(store, ["alive"]);
      await eventually(
        "content on its way in is gone",
        () => [...new Bun.Glob("cas/tmp/*").scanSync(store.dir)].length === 0,
      );
      expect(await readIds(store)).toEqual([id ?? ""]);
    }),
  );

  test("meta of 2 MB meets the store's own refusal, meta of 128 KiB is stored", () =>
    withSocket(async (socket, store) => {
      const append = (bytes: number): Promise<Response> =>
        get(socket, "/append/a", { method: "POST", headers: META(`"${"x".repeat(bytes - 2)}"`) });
      const refused = await append(2_000_000);
      expect(refused.status).toBe(413);
      expect(await refused.json()).toMatchObject({ code: "too_large" });
      expect((await append(131_072)).status).toBe(200);
      expect(await readLines(store)).toHaveLength(1);
    }));

  test("damaged content is an error and not a byte of it is sent, and the server lives", () =>
    withSocket(async (socket, store) => {
      const hash = (await (await get(socket, "/cas", { method: "POST", body: LARGE })).text()) as Hash;
      const damaged = LARGE.slice();
      damaged[0] = 255;
      writeFileSync(contentPath(store.dir, hash), damaged);
      const response = await get(socket, `/cas/${hash}`);
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({ code: "internal", detail: expect.stringContaining(hash) });
      expect((await get(socket, "/version")).status).toBe(200);
    }));
});

test("a socket that a dead server left is replaced, anything else of that name is not", async () => {
  const dir = temporaryDir();
  const path = join(dir.path, "sock");
  const left = Bun.spawn(
    [
      process.execPath,
      "-e",
      `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response("") }); console.log(1)`,
    ],
    { stdout: "pipe" },
  );
  await left.stdout.getReader().read();
  left.kill("SIGKILL");
  await left.exited;
  expect(existsSync(path)).toBe(true);
  const app = new Hono().get("/", (c) => c.text("new"));
  const listener = listen(app, path);
  expect(await (await get(path, "/")).text()).toBe("new");
  await listener.close();
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, "mine");
  expect(() => listen(app, path)).toThrow("is not a socket");
  dir.remove();
});

test("a listener that finishes answers what is under way and refuses what comes", async () => {
  const dir = temporaryDir();
  const path = join(dir.path, "sock");
  const { promise, resolve } = Promise.withResolvers<Response>();
  const began = Promise.withResolvers<void>();
  const app = new Hono().get("/slow", () => (began.resolve(), promise)).get("/", (c) => c.text(""));
  const listener = listen(app, path);
  const slow = get(path, "/slow");
  await began.promise;
  const finished = listener.finish();
  expect((await get(path, "/")).status).toBe(503);
  resolve(new Response("done"));
  await finished;
  expect(await (await slow).text()).toBe("done");
  await listener.close();
  dir.remove();
});
