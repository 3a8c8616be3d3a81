// Bad input over HTTP: the right status, a message that names the fault, nothing stored, the server alive.
import { connect } from "node:net";
import { expect, test } from "bun:test";
import { SOCKET_OF } from "../support/surfaces.ts";
import { lines, ok, type Served, withServer } from "../support/xs.ts";

const ID = "01M8AEKHNPRPHBPYV1Q4P8JFDE";
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString("base64");

type Case = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  readonly detail: RegExp;
};

const CASES: readonly Case[] = [
  { method: "POST", path: "/append/1bad", status: 400, detail: /1bad/ },
  { method: "POST", path: "/append/", status: 400, detail: /empty/ },
  { method: "POST", path: "/append/a..b", status: 400, detail: /a\.\.b/ },
  { method: "POST", path: "/append/a.", status: 400, detail: /dot/ },
  { method: "POST", path: "/append/a%2Fb", status: 400, detail: /a\/b/ },
  { method: "POST", path: "/append/..%2f..%2fetc", status: 400, detail: /topic/ },
  { method: "POST", path: "/append/a%00b", status: 400, detail: /topic/ },
  { method: "POST", path: "/append/%ff", status: 400, detail: /topic/ },
  { method: "POST", path: `/append/${"a".repeat(256)}`, status: 400, detail: /256/ },
  { method: "POST", path: "/append/a?ttl=nope", status: 400, detail: /ttl/ },
  { method: "POST", path: "/append/a?ttl=last:0", status: 400, detail: /ttl/ },
  { method: "POST", path: "/append/a?ttl=time:-1", status: 400, detail: /ttl/ },
  { method: "POST", path: "/append/a?ttl=", status: 400, detail: /ttl/ },
  { method: "POST", path: "/append/a?with-timestamp=perhaps", status: 400, detail: /with-timestamp/ },
  { method: "POST", path: "/append/xs.threshold", status: 403, detail: /xs\.threshold/ },
  { method: "POST", path: "/append/xs.start", status: 403, detail: /xs\.start/ },
  { method: "POST", path: "/append/xs.actor.a.active", status: 403, detail: /xs\.actor/ },
  { method: "POST", path: "/append/a", headers: { "xs-meta": "{}" }, status: 400, detail: /xs-meta.*base64/ },
  { method: "POST", path: "/append/a", headers: { "xs-meta": base64("{") }, status: 400, detail: /meta.*JSON/ },
  {
    method: "POST",
    path: "/append/a",
    headers: { "xs-meta": base64(Uint8Array.of(0x22, 0xff, 0x22)) },
    status: 400,
    detail: /UTF-8/,
  },
  {
    method: "POST",
    path: "/append/a",
    headers: { "xs-meta": base64(`"${"x".repeat(2_000_000)}"`) },
    status: 413,
    detail: /meta/,
  },
  {
    method: "POST",
    path: "/append/a",
    headers: { "xs-meta": base64("[".repeat(5_000) + "]".repeat(5_000)) },
    status: 400,
    detail: /deep/,
  },
  {
    method: "POST",
    path: "/append/a",
    headers: { "content-encoding": "gzip" },
    body: "x",
    status: 400,
    detail: /content-encoding/,
  },
  { path: "/?limit=x", status: 400, detail: /limit/ },
  { path: "/?limit=-1", status: 400, detail: /limit/ },
  { path: "/?last=1.5", status: 400, detail: /last/ },
  { path: "/?last=99999999999999999999", status: 400, detail: /last/ },
  { path: "/?after=nope", status: 400, detail: /after/ },
  { path: "/?from=nope", status: 400, detail: /from/ },
  { path: "/?last-id=03cq29mdmmkfze8p1plry4maj", status: 400, detail: /original/ },
  { path: "/?follow=perhaps", status: 400, detail: /follow/ },
  { path: "/?new=perhaps", status: 400, detail: /new/ },
  { path: "/?topic=", status: 400, detail: /topic/ },
  { path: "/?topic=a,1bad", status: 400, detail: /1bad/ },
  { path: "/?topic=a*", status: 400, detail: /topic/ },
  { path: `/?after=${ID}&from=${ID}`, status: 400, detail: /after and from/ },
  { path: "/?pulse=10", status: 400, detail: /pulse/ },
  { path: "/head/1bad", status: 400, detail: /1bad/ },
  { path: "/head/nothing", status: 404, detail: /nothing/ },
  { path: "/last/a,1bad", status: 400, detail: /1bad/ },
  { path: "/last?last=0", status: 400, detail: /last/ },
  { path: "/last/nothing", status: 404, detail: /nothing/ },
  { path: `/${ID}`, status: 404, detail: new RegExp(ID) },
  { path: "/01M8AEKHNPRPHBPYV1Q4P8JFDU", status: 400, detail: /not an id/ },
  { method: "DELETE", path: "/nope", status: 400, detail: /nope/ },
  { path: "/cas/nope", status: 400, detail: /hash/ },
  { path: "/cas/sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3N=", status: 400, detail: /hash/ },
  { path: "/cas/..%2f..%2fstore.db", status: 400, detail: /hash/ },
  { path: "/cas/sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=", status: 404, detail: /sha256/ },
  { path: "/no/such/route", status: 404, detail: /no\/such\/route/ },
  { path: "/nope", status: 404, detail: /nope/ },
  { method: "POST", path: "/", status: 405, detail: /GET/ },
  { method: "PUT", path: "/append/a", status: 405, detail: /POST/ },
  { path: "/append/a", status: 405, detail: /POST/ },
  { method: "DELETE", path: "/version", status: 405, detail: /GET/ },
  { path: "/import", status: 405, detail: /POST/ },
  { path: "/cas", status: 405, detail: /POST/ },
  { method: "PATCH", path: "/", status: 405, detail: /GET/ },
  { method: "POST", path: "/import", body: "not json", status: 400, detail: /line 1.*JSON/ },
  { method: "POST", path: "/import", body: "[]", status: 400, detail: /object/ },
  { method: "POST", path: "/import", body: `{"topic":"a"}`, status: 400, detail: /no id/ },
  { method: "POST", path: "/import", body: `{"id":"${ID}"}`, status: 400, detail: /no topic/ },
  { method: "POST", path: "/import", body: `{"topic":"a","id":"${ID}","extra":1}`, status: 400, detail: /extra/ },
  {
    method: "POST",
    path: "/import",
    body: `{"topic":"a","id":"${ID}","ttl":"ephemeral"}`,
    status: 400,
    detail: /ephemeral/,
  },
  {
    method: "POST",
    path: "/import",
    body: `{"topic":"a","id":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ"}`,
    status: 400,
    detail: /future/,
  },
  {
    method: "POST",
    path: "/import",
    body: `{"topic":"xs.threshold","id":"${ID}"}`,
    status: 403,
    detail: /xs\.threshold/,
  },
  {
    method: "POST",
    path: "/import",
    body: `{"topic":"a","id":"${ID}","hash":"sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="}`,
    status: 400,
    detail: /sha256.*not in this store/,
  },
  {
    method: "POST",
    path: "/import",
    body: `{"topic":"a","id":"${ID}"}\n{"topic":"a b","id":"${ID}"}`,
    status: 400,
    detail: /line 2/,
  },
];

test("each fault gets its 4xx and a problem document that names it, and stores nothing", async () => {
  await withServer(async (server) => {
    for (const { method = "GET", path, headers = {}, body, status, detail } of CASES) {
      const response = await fetch(`http://x${path}`, {
        method,
        headers,
        unix: SOCKET_OF(server.addr),
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      const label = `${method} ${path.slice(0, 60)} ${body?.slice(0, 40) ?? ""}`;
      expect([label, response.status]).toEqual([label, status]);
      expect([label, response.headers.get("content-type")]).toEqual([label, "application/problem+json"]);
      expect([label, text.at(0)]).toEqual([label, "{"]);
      const problem = JSON.parse(text) as { status: number; code: string; detail: string };
      expect(problem.status).toBe(status);
      expect(problem.code).toMatch(/^(invalid|forbidden|not_found|too_large)$/);
      expect(problem.detail).toMatch(detail);
      if (status === 405) expect(response.headers.get("allow")).toMatch(/^[A-Z, ]+$/);
    }
    await nothingStored(server);
  });
});

test("a body that is cut short stores nothing", async () => {
  await withServer(async (server) => {
    const requests = [
      "POST /append/cut HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nshort",
      `POST /append/cut HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(200_000)}`,
      "POST /append/cut HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
      "POST /cas HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nshort",
      `POST /import HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"topic":"cut","id":"${ID}"}\n`,
    ];
    for (const request of requests) await sendAndLeave(SOCKET_OF(server.addr), request);
    await nothingStored(server);
  });
});

function sendAndLeave(path: string, request: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(path);
  socket.on("error", reject);
  // The server has the request once it answers a ping that went after it on another connection.
  socket.write(request, async () => {
    await fetch("http://x/version", { unix: path });
    socket.destroy();
    resolve();
  });
  return promise;
}

async function nothingStored(server: Served): Promise<void> {
  expect(lines(await ok(["cat", server.addr])).map(({ topic }) => topic)).toEqual(["xs.start"]);
  expect(
    server
      .log()
      .split("\n")
      .filter((line) => line !== "" && !line.endsWith("xs.start")),
  ).toEqual([]);
}
