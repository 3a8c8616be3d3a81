// Requests that nobody would send: malformed and random over raw sockets. No crash, no 5xx that is not right, no growth.
import { expect, test } from "bun:test";
import { connect } from "node:net";
import { join } from "node:path";
import { randomFrom } from "../support/frames.ts";
import { expectWhole, Load } from "../support/load.ts";
import { rssOf } from "../support/memory.ts";
import { SEED, sized } from "../support/soak.ts";
import { withServer } from "../support/xs.ts";

const REQUESTS = sized(5_000, 100_000);
const AT_ONCE = 32;
const MEMORY_BYTES_MAX = 100 * 1024 * 1024;
// A request that is cut short gets no answer; nothing is waited for longer than this.
const ANSWER_MS_MAX = 3_000;

type Random = () => number;

const pick = <T>(random: Random, values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
const upTo = (random: Random, count: number): number => Math.floor(random() * count);
const noise = (random: Random, length: number): string =>
  String.fromCharCode(...Array.from({ length: upTo(random, length) }, () => upTo(random, 256)));

const METHODS = [
  "GET",
  "GET",
  "GET",
  "POST",
  "POST",
  "PUT",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "TRACE",
  "CONNECT",
  "get",
  "G\tT",
  "",
];
const PATHS = [
  "/",
  "/append/a",
  "/append/a.b.c",
  "/append/",
  "/append/xs.start",
  "/append/..",
  "/append/%2e%2e%2fetc",
  "/append/%00",
  "/append/%zz",
  "/append",
  "/head/a",
  "/head/",
  "/last",
  "/last/a",
  "/last/a,b.*",
  "/last/*",
  "/cas",
  "/cas/sha256-",
  "/cas/sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
  "/cas/sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
  "/cas/..%2f..%2fstore.db",
  "/cas/../../etc/passwd",
  "/import",
  "/version",
  "/topics",
  "/health",
  "/stat",
  "/metrics",
  "/gc",
  "/01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "/zzzzzzzzzzzzzzzzzzzzzzzzzz",
  "/01arz3ndektsv4rrffq69g5fav",
  "/nothing",
  "//",
  "*",
  "http://evil.example/",
  "/?",
  "/%",
  "/a/b/c/d",
  "/append/" + "a".repeat(300),
  "/" + "x".repeat(5_000),
] as const;
const KEYS = [
  "limit",
  "last",
  "after",
  "from",
  "topic",
  "ttl",
  "with-timestamp",
  "new",
  "tail",
  "last-id",
  "top",
  "prefix",
  "dry-run",
  "hold",
  "",
  "__proto__",
  "%00",
];
const VALUES = [
  "",
  "0",
  "1",
  "-1",
  "1e9",
  "9007199254740993",
  "NaN",
  "true",
  "no",
  "forever",
  "last:0",
  "last:1",
  "last:99999999999999999999",
  "time:-1",
  "time:1e3",
  "head:2",
  "ephemeral",
  "*",
  "a.*",
  "a,b",
  "**",
  ".",
  "a..b",
  "01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
  "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
  "%ff%fe",
  "%",
  "'; DROP TABLE frame; --",
  "a".repeat(2_000),
  ",".repeat(300),
];
const HEADERS = [
  "host: x",
  "host: evil.example",
  "xs-meta: e30=",
  "xs-meta: bnVsbA==",
  "xs-meta: not base64",
  "xs-meta: /w==",
  "xs-meta: " + "W1tb".repeat(300),
  "xs-meta: eyJhIjoxfQ==\r\nxs-meta: e30=",
  "accept: text/event-stream",
  "last-event-id: 01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "last-event-id: x",
  "content-encoding: gzip",
  "content-type: application/json",
  "content-type: application/x-ndjson",
  "range: bytes=0-",
  "range: bytes=5-1",
  "range: bytes=-0",
  "range: bytes=0-1,3-4",
  "if-none-match: *",
  "if-range: x",
  "expect: 100-continue",
  "connection: close",
  "connection: upgrade",
  "upgrade: websocket",
  "te: trailers",
  "x: " + "y".repeat(20_000),
  " folded: 1",
  "no colon",
  "a b: c",
  "nul: \0",
  ": empty",
  "transfer-encoding: gzip",
  "content-length: 3, 3",
  "content-length: -1",
  "content-length: 99999999999999999999",
];
const BODIES = [
  "",
  "x",
  "{}",
  "null",
  "[]",
  '{"topic":"a","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","hash":null,"meta":null,"ttl":"forever"}',
  '{"topic":"a","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","hash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","meta":null,"ttl":"last:1"}',
  '{"topic":"xs.threshold","id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","hash":null,"meta":null,"ttl":"forever"}',
  '{"topic":"a","id":"7ZZZZZZZZZZZZZZZZZZZZZZZZZ","hash":null,"meta":null,"ttl":null}',
  '{"__proto__":{"a":1}}',
  "[".repeat(5_000),
  '{"topic":"a","meta":' + '{"a":'.repeat(500) + "1" + "}".repeat(500) + "}",
  "\n\n\n",
  "y".repeat(70_000),
  "\u0000\u0001\ufffd",
];

function body(random: Random): string {
  const content = random() < 0.8 ? pick(random, BODIES) : noise(random, 2_000);
  const bytes = Buffer.from(content, "latin1");
  const kind = random();
  if (kind < 0.6) return `content-length: ${bytes.length}\r\n\r\n${content}`;
  if (kind < 0.7) return `content-length: ${bytes.length + 1 + upTo(random, 50)}\r\n\r\n${content}`;
  if (kind < 0.8) return `transfer-encoding: chunked\r\n\r\n${bytes.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`;
  if (kind < 0.9)
    return `transfer-encoding: chunked\r\n\r\n${pick(random, ["-1", "zz", "fffffffffffffffff", "5;ext=1", ""])}\r\n${content}\r\n`;
  return `transfer-encoding: chunked\r\ncontent-length: ${bytes.length}\r\n\r\n${content}`;
}

function request(random: Random): string {
  if (random() < 0.03) return noise(random, 500);
  const query = Array.from({ length: upTo(random, 4) }, () => `${pick(random, KEYS)}=${pick(random, VALUES)}`).join(
    "&",
  );
  const path = `${pick(random, PATHS)}${query === "" ? "" : `?${query}`}`;
  const method = random() < 0.5 ? (path.startsWith("/append") ? "POST" : "GET") : pick(random, METHODS);
  const line = `${method} ${path} ${random() < 0.93 ? "HTTP/1.1" : pick(random, ["HTTP/1.0", "HTTP/2", "", "HTTP/1.1 x"])}`;
  const headers = Array.from({ length: Math.max(0, upTo(random, 5) - 2) }, () => pick(random, HEADERS));
  if (random() < 0.9) headers.unshift("host: x");
  const whole = `${[line, ...headers].join("\r\n")}\r\n${random() < 0.5 ? body(random) : "\r\n"}`;
  // Flipped and cut now and then, wherever that falls.
  if (random() < 0.05) return whole.slice(0, upTo(random, whole.length));
  if (random() < 0.05) {
    const at = upTo(random, whole.length);
    return `${whole.slice(0, at)}${String.fromCharCode(upTo(random, 256))}${whole.slice(at + 1)}`;
  }
  return whole;
}

/** Sends bytes and answers what came until the other side closed, was silent after an answer, or time was over. */
function send(path: string, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let answer = "";
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(end, ANSWER_MS_MAX);
    socket.on("error", end);
    socket.on("close", end);
    socket.on("data", (data) => {
      answer += data.toString("latin1").slice(0, 1_000);
      if (answer.includes("\r\n\r\n")) end();
    });
    socket.write(Buffer.from(text, "latin1"));
    // Whoever gets no answer to half a request goes away, as the others do once they have it.
    if (!text.includes("\r\n\r\n")) socket.end();
  });
}

test(`${REQUESTS} malformed and random requests crash nothing, get no 5xx that is not right, and cost no memory (S3; XS_SEED=${SEED} repeats it)`, async () => {
  console.error(`fuzz: XS_SEED=${SEED}`);
  await withServer(
    async ({ addr, pid, log, client }) => {
      const path = join(addr, "sock");
      const load = new Load();
      await load.append(addr, "kept", "kept");
      const random = randomFrom(SEED);
      const statuses = new Map<string, number>();
      let sent = 0;
      let rss = 0;
      const worker = async (): Promise<void> => {
        while (sent < REQUESTS) {
          const number = sent++;
          const text = request(random);
          const answer = await send(path, text);
          const status = /^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? "none";
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          // What Bun itself refuses before any of our code: a version of HTTP that it does not speak.
          if (status.startsWith("5") && status !== "505")
            throw new Error(`request ${number} of XS_SEED=${SEED} got ${answer}: ${JSON.stringify(text)}\n${log()}`);
          // Once everything has been loaded and compiled.
          if (number === Math.floor(REQUESTS / 5)) rss = rssOf(pid);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      expect(await client.version()).toBeDefined();
      expect(log()).toBe("");
      expect(rssOf(pid) - rss).toBeLessThan(MEMORY_BYTES_MAX);
      // A GET that says "follow" and the like has left; so have all uploads.
      expect(Number(statuses.get("200") ?? 0)).toBeGreaterThan(REQUESTS / 50);
      expect(Number(statuses.get("400") ?? 0)).toBeGreaterThan(REQUESTS / 50);
      await load.verify(addr);
      await expectWhole(addr);
      console.error(`fuzz: ${[...statuses].map(([status, count]) => `${count} x ${status}`).join(", ")}`);
    },
    ["--quiet"],
  );
}, 3_600_000);
