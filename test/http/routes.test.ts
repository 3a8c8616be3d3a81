import { describe, expect, test } from "bun:test";
import type { Hono } from "hono";
import { META, withApi } from "../support/http.ts";
import { appendAll, draft, readLines } from "../support/read.ts";

const HASH = "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=";
const ID = "01M8XS5DBWN8W2CJ3F0J9ZPAZR";
type Json = Record<string, unknown>;

const post = (
  api: Hono,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> =>
  Promise.resolve(api.request(path, { method: "POST", ...(body === undefined ? {} : { body }), headers }));
const json = async (response: Response | Promise<Response>): Promise<Json> => (await (await response).json()) as Json;

describe("an append", () => {
  test("answers the frame, keys in the order of the contract, and stores its content", () =>
    withApi(async (api) => {
      const response = await post(api, "/append/my-topic", "content", META('{"type":"text/plain"}'));
      expect(response.headers.get("content-type")).toBe("application/json");
      const line = await response.text();
      const { id } = JSON.parse(line) as Json;
      expect(line).toBe(
        `{"topic":"my-topic","id":"${id}","hash":"${HASH}","meta":{"type":"text/plain"},"ttl":"forever"}\n`,
      );
      expect(await (await api.request(`/cas/${HASH}`)).text()).toBe("content");
      expect(await (await api.request(`/${id}`)).text()).toBe(line);
    }));

  test("of no body has no hash", () =>
    withApi(async (api) => {
      expect((await json(post(api, "/append/a"))).hash).toBeNull();
      expect((await json(post(api, "/append/a", ""))).hash).toBeNull();
    }));

  test("keeps its meta as text, UTF-8 and numbers beyond 2^53 included", () =>
    withApi(async (api) => {
      const meta = '{"z":"é😀","1":1.0,"0":9007199254740993}';
      expect(await (await post(api, "/append/a", "", META(meta))).text()).toContain(`"meta":${meta},`);
    }));

  test("takes a ttl, an encoded topic, and tells its timestamp when asked", () =>
    withApi(async (api) => {
      const frame = await json(post(api, "/append/a%2Eb?ttl=head:2&with-timestamp"));
      expect(frame).toMatchObject({ topic: "a.b", ttl: "last:2" });
      expect(Object.keys(frame).at(-1)).toBe("timestamp");
    }));
});

describe("reading", () => {
  test("answers NDJSON with all options, and SSE with ids for who accepts it", () =>
    withApi(async (api, store) => {
      const [a, b] = await appendAll(store, ["a", "b"]);
      const response = await api.request("/?topic=a,b&limit=1&unknown=1");
      expect(response.headers.get("content-type")).toBe("application/x-ndjson");
      expect(await response.text()).toBe(`${store.get(a as never)}\n`);
      const sse = await api.request("/?with-timestamp", { headers: { accept: "text/html, text/event-stream;q=0.9" } });
      expect(sse.headers.get("content-type")).toBe("text/event-stream");
      const events = (await sse.text()).split("\n\n");
      expect(events).toHaveLength(3);
      expect(events[1]).toStartWith(`id: ${b}\ndata: {"topic":"b","id":"${b}"`);
      expect(events[1]).toContain('"timestamp":"');
    }));

  test("resumes an event stream at Last-Event-ID, whatever its query began with", () =>
    withApi(async (api, store) => {
      const ids = await appendAll(store, ["a", "a", "a"]);
      const headers = { accept: "text/event-stream", "last-event-id": ids[0] ?? "" };
      for (const query of ["", "?last=1", "?new", `?from=${ids[2]}`, `?after=${ids[2]}`]) {
        const text = await (await api.request(`/${query}`, { headers })).text();
        expect([...text.matchAll(/^id: (.*)$/gm)].map(([, id]) => id as string)).toEqual(ids.slice(1));
      }
      expect((await api.request("/", { headers: { ...headers, "last-event-id": "x" } })).status).toBe(400);
    }));

  test("marks a threshold without an id in an event stream", () =>
    withApi(async (api, store) => {
      await appendAll(store, ["a"]);
      const response = await api.request("/?follow=yes&limit=2", { headers: { accept: "text/event-stream" } });
      const whole = response.text();
      await appendAll(store, ["b"]);
      const [opening, first, threshold, last] = (await whole).split("\n\n");
      expect(opening).toBe(":");
      expect(first).toStartWith("id: ");
      expect(threshold).toMatch(/^data: \{"topic":"xs.threshold".*"ttl":"ephemeral"\}$/);
      expect(last).toStartWith("id: ");
    }));

  test("answers head and last: one JSON object for one, NDJSON for more", () =>
    withApi(async (api, store) => {
      const [a1, a2, ab] = await appendAll(store, ["a", "a", "a.b"]);
      const line = (id: string | undefined): string => `${store.get(id as never)}\n`;
      const rows: [string, string, string][] = [
        ["/head/a", line(a2), "application/json"],
        ["/last", line(ab), "application/json"],
        ["/last/a", line(a2), "application/json"],
        ["/last/a.*", line(ab), "application/json"],
        ["/last/a%2Ca.*", line(ab), "application/json"],
        ["/last?follow=false", line(ab), "application/json"],
        ["/last/a?last=2", line(a1) + line(a2), "application/x-ndjson"],
        ["/last/a.*?last=5", line(ab), "application/x-ndjson"],
        ["/last/none?last=5", "", "application/x-ndjson"],
      ];
      for (const [path, text, type] of rows) {
        const response = await api.request(path);
        expect([path, await response.text(), response.headers.get("content-type")]).toEqual([path, text, type]);
      }
      for (const path of ["/head/none", "/last/none"]) expect((await api.request(path)).status).toBe(404);
      expect(await (await api.request("/head/a?with-timestamp")).text()).toContain('"timestamp"');
    }));

  test("removes a frame with 204, also one that is gone already", () =>
    withApi(async (api, store) => {
      const [id] = await appendAll(store, ["a"]);
      for (let n = 0; n < 2; n++) expect((await api.request(`/${id}`, { method: "DELETE" })).status).toBe(204);
      expect((await api.request(`/${id}`)).status).toBe(404);
    }));

  test("tells the version", () =>
    withApi(async (api) =>
      expect(Object.keys(await json(api.request("/version") as Promise<Response>))).toEqual(["version"]),
    ));
});

describe("content", () => {
  test("is stored without a frame, and answered with its length", () =>
    withApi(async (api) => {
      expect(await (await post(api, "/cas", "content")).text()).toBe(HASH);
      const response = await api.request(`/cas/${HASH}`);
      expect(response.headers.get("content-length")).toBe("7");
      expect(response.headers.get("accept-ranges")).toBe("bytes");
      const head = await api.request(`/cas/${HASH}`, { method: "HEAD" });
      expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "7", ""]);
      expect((await api.request(`/cas/${encodeURIComponent(HASH)}`)).status).toBe(200);
    }));

  test("is answered in ranges, and not again to who has it", () =>
    withApi(async (api) => {
      await post(api, "/cas", "content");
      const get = (headers: Record<string, string>): Promise<Response> =>
        Promise.resolve(api.request(`/cas/${HASH}`, { headers }));
      const part = await get({ range: "bytes=1-3" });
      expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 1-3/7", "ont"]);
      const beyond = await get({ range: "bytes=7-" });
      expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */7"]);
      expect(await (await get({ range: "bytes=0-0", "if-range": '"other"' })).text()).toBe("content");
      const etag = part.headers.get("etag") ?? "";
      expect((await get({ "if-none-match": etag })).status).toBe(304);
      expect((await get({ "if-none-match": '"other"' })).status).toBe(200);
    }));

  test("that is not there is not found", () =>
    withApi(async (api) => {
      for (const method of ["GET", "HEAD"]) expect((await api.request(`/cas/${HASH}`, { method })).status).toBe(404);
    }));
});

describe("bad input", () => {
  const LONG_META = META(`"${"x".repeat(200_000)}"`);
  const rows: [string, string, RequestInit, number, string, string][] = [
    ["a bad topic", "/append/a..b", { method: "POST" }, 400, "invalid", "a..b"],
    ["no topic", "/append/", { method: "POST" }, 400, "invalid", "topic"],
    ["a topic with a slash", "/append/a/b", { method: "POST" }, 400, "invalid", "a/b"],
    ["a topic that goes up", "/append/..%2f..%2fetc", { method: "POST" }, 400, "invalid", "topic"],
    ["a broken escape", "/append/%zz", { method: "POST" }, 400, "invalid", "topic"],
    ["a topic of the system", "/append/xs.threshold", { method: "POST" }, 403, "forbidden", "xs.threshold"],
    ["a bad ttl", "/append/a?ttl=last:0", { method: "POST" }, 400, "invalid", "ttl"],
    ["an empty ttl", "/append/a?ttl=", { method: "POST" }, 400, "invalid", "ttl"],
    ["a bad flag", "/append/a?with-timestamp=x", { method: "POST" }, 400, "invalid", "with-timestamp"],
    ["meta not in base64", "/append/a", { method: "POST", headers: { "xs-meta": "{}" } }, 400, "invalid", "base64"],
    ["meta not in UTF-8", "/append/a", { method: "POST", headers: { "xs-meta": "//4=" } }, 400, "invalid", "UTF-8"],
    ["meta not JSON", "/append/a", { method: "POST", headers: META("{") }, 400, "invalid", "JSON"],
    ["meta too large", "/append/a", { method: "POST", headers: LONG_META }, 413, "too_large", "200002 bytes"],
    [
      "an encoded body",
      "/append/a",
      { method: "POST", headers: { "content-encoding": "gzip" } },
      400,
      "invalid",
      "gzip",
    ],
    ["a bad limit", "/?limit=x", {}, 400, "invalid", "limit"],
    ["a bad last", "/?last=-1", {}, 400, "invalid", "last"],
    ["a bad cursor", "/?after=x", {}, 400, "invalid", "after"],
    ["a cursor of the original", "/?from=03d4q1qhbiv09ovtuhokw5yxv", {}, 400, "invalid", "original"],
    ["a bad filter", "/?topic=a,1", {}, 400, "invalid", "topic"],
    ["a bad follow", "/?follow=maybe", {}, 400, "invalid", "follow"],
    ["two starts", `/?new&after=${ID}`, {}, 400, "invalid", "new and after"],
    ["a bad last on /last", "/last?last=0", {}, 400, "invalid", "last"],
    ["a bad filter on /last", "/last/1a", {}, 400, "invalid", "topic"],
    ["a filter for head", "/head/a.*", {}, 400, "invalid", "a.*"],
    ["a bad id", `/${ID.slice(0, 25)}U`, {}, 400, "invalid", "not an id"],
    ["a bad id to remove", "/nothing", { method: "DELETE" }, 400, "invalid", "not an id"],
    ["an id of no frame", `/${ID}`, {}, 404, "not_found", ID],
    ["a bad hash", "/cas/sha256-x", {}, 400, "invalid", "content hash"],
    ["a hash that goes up", "/cas/..%2f..%2fstore.db", {}, 400, "invalid", "content hash"],
    ["an unknown route", "/nothing", {}, 404, "not_found", "/nothing"],
    ["a deeper unknown route", "/a/b/c", { method: "POST" }, 404, "not_found", "/a/b/c"],
    ["import of no JSON", "/import", { method: "POST", body: "{" }, 400, "invalid", "line 1"],
  ];

  test.each(rows)("%s is refused as a problem that names it (%s)", (_, path, init, status, code, detail) =>
    withApi(async (api, store) => {
      const response = await api.request(path, init);
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      const problem = await json(response);
      expect(problem).toMatchObject({ status, code, type: "about:blank" });
      expect(problem.detail).toContain(detail);
      expect(await readLines(store)).toEqual([]);
      await store.append(draft("alive"));
    }),
  );

  test.each([
    ["PUT", "/", "GET"],
    ["POST", "/", "GET"],
    ["GET", "/append/a", "POST"],
    ["PUT", "/append", "POST"],
    ["GET", "/cas", "POST"],
    ["DELETE", "/cas", "POST"],
    ["POST", `/cas/${HASH}`, "GET"],
    ["GET", "/import", "POST"],
    ["DELETE", "/version", "GET"],
    ["POST", "/head/a", "GET"],
    ["POST", "/last", "GET"],
    ["PATCH", `/${ID}`, "GET, DELETE"],
    ["OPTIONS", "/version", "GET"],
  ])("the wrong method %s of %s is answered with those that there are", (method, path, allow) =>
    withApi(async (api) => {
      const response = await api.request(path, { method });
      expect([response.status, response.headers.get("allow")]).toEqual([405, allow]);
      expect((await json(response)).code).toBe("invalid");
    }),
  );
});
