import { describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { eventually } from "../support/eventually.ts";
import { rawConnection, withApi, withSocket } from "../support/http.ts";
import { appendAll, readLines, startReading } from "../support/read.ts";

const HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const send = async (api: Hono, body: string, query = ""): Promise<[number, string]> => {
  const response = await api.request(`/append${query}`, { method: "POST", body });
  return [response.status, await response.text()];
};
type Frame = { id: string; topic: string; hash: string | null; meta: unknown; ttl: string; timestamp?: string };
const frames = (text: string): Frame[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Frame);

describe("POST /append", () => {
  test("appends a batch in its order, and answers the frames as they are stored", () =>
    withApi(async (api, store) => {
      const [status, text] = await send(
        api,
        '{"topic":"a"}\r\n\n{"topic":"b.c","meta":{"n": 1.0},"ttl":"last:2"}\n{"topic":"a","content":"content"}',
      );
      expect(status).toBe(200);
      expect(await readLines(store)).toEqual(text.trimEnd().split("\n"));
      expect(frames(text).map(({ topic, hash, ttl }) => [topic, hash, ttl])).toEqual([
        ["a", null, "forever"],
        ["b.c", null, "last:2"],
        ["a", HASH, "forever"],
      ]);
      expect(text).toContain('"meta":{"n":1.0},');
      expect(await (await api.request(`/cas/${HASH}`)).text()).toBe("content");
    }));

  test("answers lines of JSON, with timestamps when asked", () =>
    withApi(async (api) => {
      const response = await api.request("/append?with-timestamp", { method: "POST", body: '{"topic":"a"}' });
      expect(response.headers.get("content-type")).toBe("application/x-ndjson");
      expect(Object.keys((await response.json()) as Frame).at(-1)).toBe("timestamp");
    }));

  test("applies what a ttl ends within the batch, and stores nothing ephemeral", () =>
    withApi(async (api, store) => {
      const [, text] = await send(
        api,
        ['{"topic":"a","ttl":"last:1"}', '{"topic":"a","ttl":"last:1"}', '{"topic":"e","ttl":"ephemeral"}'].join("\n"),
      );
      const lines = text.trimEnd().split("\n");
      expect(lines).toHaveLength(3);
      expect(await readLines(store)).toEqual(lines.slice(1, 2));
    }));

  test("reaches followers whole and in order, ephemeral frames included", () =>
    withApi(async (api, store) => {
      const follower = startReading(store, { new: "" });
      const [, text] = await send(api, '{"topic":"a"}\n{"topic":"b","ttl":"ephemeral"}\n{"topic":"c","content":"x"}');
      expect(await follower.until(3)).toEqual(text.trimEnd().split("\n"));
      await follower.stop();
    }));

  test("reaches a follower that does not lag whole, also where it is ephemeral and as large as can be", () =>
    withApi(async (api, store) => {
      const follower = startReading(store, { new: "" });
      const [, text] = await send(api, '{"topic":"e","ttl":"ephemeral"}\n'.repeat(16_384));
      await appendAll(store, ["a", "a", "a"]);
      const lines = await follower.until(16_387);
      expect(lines.slice(0, 16_384)).toEqual(text.trimEnd().split("\n"));
      await follower.stop();
    }));

  test("takes content up to 64 KiB, and content that is stored already", () =>
    withApi(async (api, store) => {
      const large = "x".repeat(65_536);
      await api.request("/cas", { method: "POST", body: "content" });
      const body = [
        { topic: "a", content: large },
        { topic: "b", hash: HASH },
        { topic: "c", content: "" },
      ];
      const [status, text] = await send(api, body.map((line) => JSON.stringify(line)).join("\n"));
      expect(status).toBe(200);
      const [a, b, c] = frames(text);
      expect(await (await api.request(`/cas/${a?.hash}`)).text()).toBe(large);
      expect([b?.hash, c?.hash]).toEqual([HASH, null]);
      expect(await readLines(store)).toHaveLength(3);
      const larger = await send(api, `\n${JSON.stringify({ topic: "a", content: `${large}y` })}`);
      expect(larger).toEqual([413, expect.stringContaining("line 2: the content has more than 65536 bytes")]);
    }));

  test("of one bad line stores nothing, names the line, and lets go of the others' content", () =>
    withApi(async (api, store) => {
      const [status, text] = await send(api, '{"topic":"a","content":"gone"}\n{"topic":"b..c"}');
      expect([status, JSON.parse(text).code]).toEqual([400, "invalid"]);
      expect(JSON.parse(text).detail).toMatch(/^line 2: .*empty level/);
      const missing = await send(api, `{"topic":"a","content":"gone"}\n\n{"topic":"b","hash":"${HASH}"}`);
      expect(missing).toEqual([400, expect.stringContaining(`line 3: content ${HASH} is not in this store`)]);
      expect(await send(api, '{"topic":"xs.stopping"}')).toEqual([403, expect.stringContaining("line 1")]);
      expect(await readLines(store)).toEqual([]);
      expect(await store.care.gc(false)).toMatchObject({ collected: 0, files: 0 });
      const [id] = await appendAll(store, ["alive"]);
      expect((await readLines(store)).join()).toContain(String(id));
    }));

  test("leaves the appends standing that share its transaction when it is refused", () =>
    withApi(async (api, store) => {
      const refused = send(api, `{"topic":"b"}\n{"topic":"b","hash":"${HASH}"}`);
      const kept = Promise.all([send(api, '{"topic":"a"}'), send(api, '{"topic":"c"}')]);
      expect((await refused)[0]).toBe(400);
      expect((await kept).map(([status]) => status)).toEqual([200, 200]);
      // Nothing of the refused one is left to come with a later transaction.
      expect((await send(api, '{"topic":"d"}'))[0]).toBe(200);
      expect((await readLines(store)).map((line) => JSON.parse(line).topic).toSorted()).toEqual(["a", "c", "d"]);
    }));

  test("refuses an empty batch, and one beyond its bounds", () =>
    withApi(async (api, store) => {
      for (const empty of ["", "\n\r\n"]) expect((await send(api, empty))[0]).toBe(400);
      const most = '{"topic":"a"}\n'.repeat(16_384);
      expect((await send(api, `${most}{"topic":"a"}`))[0]).toBe(413);
      const line = JSON.stringify({ topic: "a", content: "x".repeat(65_536) });
      expect(await send(api, `${line}\n`.repeat(128))).toEqual([413, expect.stringContaining("8388608 bytes")]);
      expect((await send(api, `{"topic":"a","content":"${"x".repeat(1024 * 1024)}"}`))[0]).toBe(413);
      const deep = `{"topic":"${"a.".repeat(120)}a"}\n`;
      expect(await send(api, deep.repeat(1_100))).toEqual([413, expect.stringContaining("131072 levels")]);
      expect(await readLines(store)).toEqual([]);
      const [status, text] = await send(api, most);
      expect([status, frames(text).length]).toEqual([200, 16_384]);
    }));

  test("refuses batches that are under way together beyond what memory may hold", () =>
    withSocket(async (socket, store) => {
      const half = `{"topic":"a","meta":"${"x".repeat(100_000)}"}\n`.repeat(80);
      const head = `POST /append HTTP/1.1\r\nHost: x\r\nContent-Length: ${half.length + 1}\r\n\r\n`;
      const open = Array.from({ length: 9 }, () => rawConnection(socket, head + half));
      await eventually("one of them is refused", () => open.some((connection) => connection.text().includes(" 503 ")));
      expect(open.filter((connection) => connection.text() !== "")).toHaveLength(1);
      for (const connection of open) connection.socket.destroy();
      await eventually("there is room again", async () => {
        const answer = await fetch("http://x/append", { unix: socket, method: "POST", body: half });
        return answer.ok;
      });
      expect((await readLines(store)).length).toBe(80);
    }));
});
