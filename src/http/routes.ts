// Every route on one page: parse at the door, one call to the store, one answer.
import { type Context, Hono } from "hono";
import { PatternRouter } from "hono/router/pattern-router";
import pkg from "../../package.json" with { type: "json" };
import { invalid, quote, XsError } from "../error.ts";
import { formatFrame, withTimestamp } from "../frame/frame.ts";
import { parseHash } from "../frame/hash.ts";
import { parseId } from "../frame/id.ts";
import { parseCount, parseFlag, READ_ALL, type ReadOptions } from "../frame/read-options.ts";
import { checkClientMayAppend, formatTopicFilter, parseTopic, parseTopicFilter } from "../frame/topic.ts";
import { FOREVER, parseTtl } from "../frame/ttl.ts";
import { Cas, type StoredContent } from "../store/cas.ts";
import type { Part } from "../store/reader.ts";
import type { Store } from "../store/store.ts";
import { Batches } from "./batch.ts";
import { chunkBody, type Chunks, requestBytes, requestChunks } from "./body.ts";
import { addCareRoutes } from "./care-routes.ts";
import { importBody } from "./import.ts";
import { methodsOf, PATTERNS } from "./paths.ts";
import { parseRange } from "./range.ts";
import { problemResponse } from "./status.ts";
import {
  decodeMeta,
  decodeReadQuery,
  encodeFrames,
  encodeMarker,
  type LineFormat,
  META_HEADER,
  NDJSON_TYPE,
  SSE_OPENING,
  SSE_TYPE,
} from "./wire.ts";

const JSON_TYPE = "application/json";
// A batch stands in memory until it is whole, and there is room for some only: it is not to be dribbled.
const BATCH_SILENCE_MS_MAX = 60 * 1000;
// Topics in one answer, however many are asked for.
const TOPICS_MAX = 10_000;

/** The API of a store. */
export function routes(store: Store): Hono {
  // Tries the patterns in turn. With so few of them that takes a third of the time of Hono's own choice, a trie.
  const app = new Hono({ router: new PatternRouter() });
  const batches = new Batches(store);

  // First, for it is asked for most.
  app.post(PATTERNS.append, async (c) => {
    const query = queryOf(c);
    const topic = parseTopic(param(c, "topic"));
    checkClientMayAppend(topic);
    const ttl = query.has("ttl") ? parseTtl(query.get("ttl") ?? "") : FOREVER;
    const meta = decodeMeta(c.req.raw.headers.get(META_HEADER));
    const timestamp = parseFlag("with-timestamp", query.get("with-timestamp") ?? undefined);
    const frame = await store.append({ topic, meta, ttl }, await takeBody(store, c.req.raw));
    const line = formatFrame(frame);
    return json(timestamp ? withTimestamp(line, frame.id) : line);
  });

  app.get(PATTERNS.read, (c) => {
    const isSse = c.req.header("accept")?.includes(SSE_TYPE) ?? false;
    const options = decodeReadQuery(queryOf(c), isSse ? (c.req.header("last-event-id") ?? null) : null);
    return readResponse(store, options, isSse, c.req.raw.signal);
  });

  app.get(PATTERNS.topics, (c) => {
    const query = queryOf(c);
    const limit = parseCount("limit", query.get("limit") ?? undefined, 1) ?? TOPICS_MAX;
    return json(JSON.stringify(store.topics(query.get("prefix") ?? "", Math.min(limit, TOPICS_MAX))));
  });

  app.get(PATTERNS.version, () => json(JSON.stringify({ version: pkg.version })));

  app.post(PATTERNS.batch, async (c) => {
    checkEncoding(c.req.raw);
    const timestamp = parseFlag("with-timestamp", queryOf(c).get("with-timestamp") ?? undefined);
    return new Response(await batches.append(requestParts(c.req.raw), timestamp), {
      headers: { "content-type": NDJSON_TYPE },
    });
  });

  app.get(PATTERNS.head, (c) => {
    const topic = parseTopic(param(c, "topic"));
    return lastResponse(store, { ...lastOptions(queryOf(c)), topic: [{ kind: "exact", topic }] }, c.req.raw.signal);
  });
  app.get(PATTERNS.last, (c) => lastResponse(store, lastOptions(queryOf(c)), c.req.raw.signal));
  app.get(PATTERNS.lastOf, (c) => {
    const topic = parseTopicFilter(param(c, "topics"));
    return lastResponse(store, { ...lastOptions(queryOf(c)), topic }, c.req.raw.signal);
  });

  app.post(PATTERNS.cas, async (c) => {
    const content = (await takeBody(store, c.req.raw)) ?? store.takeBytes(new Uint8Array());
    return new Response(await store.keep(content), { headers: { "content-type": "text/plain" } });
  });
  app.get(PATTERNS.content, (c) => contentResponse(store, c));

  app.post(PATTERNS.import, async (c) => {
    checkEncoding(c.req.raw);
    const isJson = c.req.header("content-type")?.split(";")[0]?.trim() === JSON_TYPE;
    return json(await importBody(store, requestChunks(c.req.raw), isJson));
  });

  addCareRoutes(app, store.care);

  app.get(PATTERNS.frame, (c) => {
    const text = param(c, "id");
    // What is not even shaped like an id was meant as a route.
    if (!/^[0-9A-Za-z]{20,40}$/.test(text)) return c.notFound();
    const id = parseId(text);
    const line = store.get(id);
    if (line === null) throw new XsError("not_found", `there is no frame ${id}`);
    return json(
      parseFlag("with-timestamp", queryOf(c).get("with-timestamp") ?? undefined) ? withTimestamp(line, id) : line,
    );
  });
  app.delete(PATTERNS.frame, async (c) => {
    const text = param(c, "id");
    const methods = methodsOf(`/${text}`);
    if (methods.length > 0 && !methods.includes("DELETE")) return c.notFound();
    await store.remove(parseId(text));
    return new Response(null, { status: 204 });
  });

  app.notFound((c) => {
    const allowed = methodsOf(c.req.path);
    const { method, path } = c.req;
    if (allowed.length === 0)
      return problemResponse(new XsError("not_found", `there is no route ${method} ${quote(path)}`));
    const error = invalid(`${quote(path)} takes ${allowed.join(", ")}, not ${method.slice(0, 20)}`);
    return problemResponse(error, 405, { allow: allowed.join(", ") });
  });
  app.onError((error) => {
    if (error instanceof XsError) return problemResponse(error);
    console.error(error);
    return problemResponse(new XsError("internal", "internal error; the server's log says more"));
  });
  return app;
}

const json = (line: string): Response => new Response(`${line}\n`, { headers: { "content-type": JSON_TYPE } });

// Most requests have no query, and to find that out costs less than to parse a URL.
function queryOf({ req: { url } }: Context): URLSearchParams {
  const at = url.indexOf("?");
  return at === -1 ? NO_QUERY : new URLSearchParams(url.slice(at + 1));
}
const NO_QUERY = new URLSearchParams();

const param = (c: Context, name: string): string => c.req.param(name) ?? "";

function checkEncoding(request: Request): void {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") {
    throw invalid(`content-encoding: ${quote(encoding)} is not supported; send the bytes as they are to be stored`);
  }
}

// A small body comes whole: a stream of its own would cost more than to read it.
async function* requestParts(request: Request): AsyncGenerator<Uint8Array> {
  const length = request.headers.get("content-length");
  if (length !== null && Cas.isSmall(Number(length))) yield await requestBytes(request);
  else yield* requestChunks(request, BATCH_SILENCE_MS_MAX);
}

async function takeBody(store: Store, request: Request): Promise<StoredContent | null> {
  checkEncoding(request);
  const length = request.headers.get("content-length");
  if (length === null && request.body === null) return null;
  if (length === null || !Cas.isSmall(Number(length))) return store.take(requestChunks(request));
  const bytes = length === "0" ? null : await requestBytes(request);
  return bytes === null || bytes.length === 0 ? null : store.takeBytes(bytes);
}

function readResponse(store: Store, options: ReadOptions, isSse: boolean, signal: AbortSignal): Response {
  const format: LineFormat = { kind: isSse ? "sse" : "ndjson", withTimestamp: options.withTimestamp };
  const headers = { "content-type": isSse ? SSE_TYPE : NDJSON_TYPE, "cache-control": "no-store" };
  const open = (): Chunks => {
    const reader = store.read(options);
    return {
      next(onNews) {
        const part = reader.next(onNews);
        return part === null || part === "later" ? part : encodePart(part, format);
      },
      leave: () => reader.leave(),
    };
  };
  const opening = isSse && options.follow !== null ? SSE_OPENING : null;
  return new Response(chunkBody(open, signal, opening), { headers });
}

const encodePart = (part: Part, format: LineFormat): Uint8Array =>
  part.kind === "frames" ? encodeFrames(part.bytes, format) : encodeMarker(part.kind, part.id, format);

function lastOptions(query: URLSearchParams): ReadOptions {
  const { follow, withTimestamp: timestamp } = decodeReadQuery(query);
  return {
    ...READ_ALL,
    follow,
    withTimestamp: timestamp,
    last: parseCount("last", query.get("last") ?? undefined, 1) ?? 1,
  };
}

function lastResponse(store: Store, options: ReadOptions, signal: AbortSignal): Response {
  if (options.follow !== null || options.last !== 1) return readResponse(store, options, false, signal);
  const part = store.read(options).next(() => undefined);
  if (part === null || part === "later") {
    throw new XsError("not_found", `there is no frame of topic ${quote(formatTopicFilter(options.topic))}`);
  }
  const line = encodePart(part, { kind: "ndjson", withTimestamp: options.withTimestamp });
  return new Response(line, { headers: { "content-type": JSON_TYPE } });
}

async function contentResponse(store: Store, c: Context): Promise<Response> {
  const hash = parseHash(param(c, "hash"));
  const content = store.content(hash);
  if (content === null) throw new XsError("not_found", `there is no content ${hash}`);
  const etag = `"${hash}"`;
  const headers: Record<string, string> = {
    "content-type": "application/octet-stream",
    "accept-ranges": "bytes",
    // What a hash names never changes.
    "cache-control": "public, max-age=31536000, immutable",
    // Else Bun would send the name of the file in the store.
    "content-disposition": "inline",
    etag,
  };
  if (c.req.header("if-none-match")?.includes(etag)) return new Response(null, { status: 304, headers });
  const ifRange = c.req.header("if-range");
  const range = parseRange(
    ifRange === undefined || ifRange === etag ? (c.req.header("range") ?? null) : null,
    content.size,
  );
  if (range === "unsatisfiable") {
    const error = invalid(`range: the content has ${content.size} bytes`);
    return problemResponse(error, 416, { "content-range": `bytes */${content.size}` });
  }
  const { start, end } = range === "whole" ? { start: 0, end: content.size } : range;
  if (range !== "whole") headers["content-range"] = `bytes ${start}-${end - 1}/${content.size}`;
  headers["content-length"] = String(end - start);
  const body = c.req.method === "HEAD" ? null : await content.slice(start, end);
  return new Response(body, { status: range === "whole" ? 200 : 206, headers });
}
