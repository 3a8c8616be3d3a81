import { describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { formatFrame } from "../../src/frame/frame.ts";
import { withApi } from "../support/http.ts";
import { frameAt, idAt } from "../support/frames.ts";
import { appendAll, readIds, readLines } from "../support/read.ts";

const HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const lineAt = (ms: number, topic = "a"): string => formatFrame(frameAt(idAt(ms), topic));
const send = async (api: Hono, body: string, type = "application/x-ndjson"): Promise<[number, string]> => {
  const response = await api.request("/import", { method: "POST", body, headers: { "content-type": type } });
  return [response.status, await response.text()];
};

describe("POST /import", () => {
  test("of one frame answers it, as JSON over several lines or as NDJSON", () =>
    withApi(async (api, store) => {
      const line = lineAt(1_000);
      expect(await send(api, JSON.stringify(JSON.parse(line), null, 2), "application/json; charset=utf-8")).toEqual([
        200,
        `${line}\n`,
      ]);
      expect(await send(api, line)).toEqual([200, `${line}\n`]);
      expect(await readLines(store)).toEqual([line]);
    }));

  test("of many answers how many were new, there already, or over", () =>
    withApi(async (api, store) => {
      const lines = [lineAt(3_000), lineAt(1_000), lineAt(2_000, "b")];
      const over = formatFrame(frameAt(idAt(5), "a", "time:1"));
      const body = `${lines.join("\r\n")}\n\n${over}`;
      expect(await send(api, body)).toEqual([200, '{"imported":3,"existing":0,"expired":1}\n']);
      expect(await send(api, body)).toEqual([200, '{"imported":0,"existing":3,"expired":1}\n']);
      expect(await readLines(store)).toEqual(lines.toSorted((a, b) => (JSON.parse(a).id < JSON.parse(b).id ? -1 : 1)));
      expect(await send(api, "")).toEqual([200, '{"imported":0,"existing":0,"expired":0}\n']);
    }));

  test(
    "of more than a chunk says how far it came when it fails, and can be sent again whole",
    () =>
      withApi(async (api, store) => {
        const lines = Array.from({ length: 20_000 }, (_, n) => formatFrame(frameAt(idAt(1_000 + n), "a")));
        const [status, text] = await send(api, [...lines, "{}"].join("\n"));
        expect(status).toBe(400);
        expect(JSON.parse(text)).toMatchObject({ code: "invalid", imported: 16_384, existing: 0 });
        expect(JSON.parse(text).detail).toMatch(/^line 20001: .*16384 frames before it were imported/);
        expect(await send(api, lines.join("\n"))).toEqual([200, '{"imported":3616,"existing":16384,"expired":0}\n']);
        expect(await readIds(store, { topic: "a" })).toHaveLength(20_000);
      }),
    20_000,
  );

  test("keeps system frames of another store, but no marker", () =>
    withApi(async (api, store) => {
      expect((await send(api, lineAt(1_000, "xs.start")))[0]).toBe(200);
      for (const topic of ["xs.threshold", "xs.pulse"]) {
        const [status, text] = await send(api, lineAt(2_000, topic));
        expect([status, JSON.parse(text).code]).toEqual([403, "forbidden"]);
      }
      expect(await readIds(store)).toHaveLength(1);
    }));

  test("takes content that was sent ahead, and names what is missing", () =>
    withApi(async (api, store) => {
      const line = formatFrame(frameAt(idAt(1_000), "a", "forever", HASH));
      const [status, text] = await send(api, `${lineAt(500)}\n${line}`);
      expect(status).toBe(400);
      expect(JSON.parse(text).detail).toContain(HASH);
      expect(await readLines(store)).toEqual([]);
      await api.request("/cas", { method: "POST", body: "content" });
      expect((await send(api, line))[0]).toBe(200);
      expect(await (await api.request(`/cas/${HASH}`)).text()).toBe("content");
    }));

  test.each([
    ["no JSON", "x", "application/x-ndjson", 400, "line 1: not JSON"],
    ["nothing as JSON", "", "application/json", 400, "not JSON"],
    ["many as JSON", `${lineAt(1)}\n${lineAt(2)}`, "application/json", 400, "not JSON"],
    ["an unknown key", '{"topic":"a","id":"01M8XS5DBWN8W2CJ3F0J9ZPAZR","x":1}', "application/json", 400, '"x"'],
    ["an id of the original", '{"topic":"a","id":"03d4q1qhbiv09ovtuhokw5yxv"}', "application/json", 400, "original xs"],
    ["an ephemeral frame", lineAt(1).replace("forever", "ephemeral"), "application/json", 400, "never stored"],
    ["an id from the future", lineAt(Date.now() + 3_600_000), "application/json", 400, "from the future"],
    ["a line without end", `{"topic":"${"x".repeat(1_100_000)}`, "application/x-ndjson", 413, "longer than"],
  ])("refuses %s", (_, body, type, status, detail) =>
    withApi(async (api, store) => {
      const [answered, text] = await send(api, body, type);
      expect(answered).toBe(status);
      expect(JSON.parse(text).detail).toContain(detail);
      expect(await readLines(store)).toEqual([]);
    }),
  );

  test("refuses an id that another frame has", () =>
    withApi(async (api, store) => {
      const [id] = await appendAll(store, ["a"]);
      const [status, text] = await send(api, `{"topic":"b","id":"${id}"}`);
      expect([status, JSON.parse(text).code]).toEqual([409, "conflict"]);
    }));
});
