// The client: one function a route, over fetch.
import { XsError } from "../error.ts";
import type { Hash } from "../frame/hash.ts";
import type { Id } from "../frame/id.ts";
import type { Meta } from "../frame/meta.ts";
import type { ReadOptions } from "../frame/read-options.ts";
import type { Topic } from "../frame/topic.ts";
import { formatTtl, type Ttl } from "../frame/ttl.ts";
import { type Address, parseAddress } from "./address.ts";
import { paths } from "./paths.ts";
import { errorOf } from "./status.ts";
import { encodeMeta, encodeReadQuery, META_HEADER, NDJSON_TYPE, SIZE_HEADER, SSE_TYPE } from "./wire.ts";

/** A body to send: bytes, a file, or a stream that is sent as it comes. */
export type Body = Uint8Array | Blob | ReadableStream<Uint8Array> | string | null;

export type AppendOptions = { readonly meta: Meta | null; readonly ttl: Ttl; readonly withTimestamp: boolean };

// What a request fails with when there was nothing to connect to.
const REFUSED: readonly string[] = ["ConnectionRefused", "FailedToOpenSocket", "ECONNREFUSED"];
const UNCONNECTED: readonly string[] = [...REFUSED, "ENOENT", "ENOTDIR", "ENAMETOOLONG", "EACCES"];

/** A store behind an address. Each function throws `XsError`: the server's, or `unavailable` when it cannot be reached. */
export class Client {
  #address: Address;
  readonly #name: string;

  /** `address` as a person types it; it is checked here, and reached with the first request. */
  constructor(address: string) {
    this.#name = address;
    this.#address = parseAddress(address);
  }

  /** Whether the server is on this machine, so that no network lies between. */
  get isLocal(): boolean {
    return this.#address.unix !== null;
  }

  /**
   * Throws `unavailable` when there is no socket to connect to: a cheap look before a long read of stdin, and before a
   * stream is sent, which cannot be sent again.
   */
  async checkReachable(): Promise<void> {
    const { unix } = this.#address;
    if (unix !== null)
      await Bun.file(unix)
        .stat()
        .catch(() => this.#lookUp());
  }

  /** The frames of a read as the server sends them: NDJSON, or SSE. */
  read(options: ReadOptions, { sse = false } = {}): Promise<Response> {
    return this.#send("GET", `${paths.read()}${encodeReadQuery(options)}`, {
      headers: sse ? { accept: SSE_TYPE } : {},
    });
  }

  /** Appends a frame with this content; answers its line. */
  append(topic: Topic, body: Body, { meta, ttl, withTimestamp }: AppendOptions): Promise<string> {
    const query = new URLSearchParams();
    if (ttl.kind !== "forever") query.set("ttl", formatTtl(ttl));
    if (withTimestamp) query.set("with-timestamp", "true");
    const suffix = query.size > 0 ? `?${query}` : "";
    return this.#text("POST", `${paths.append(topic)}${suffix}`, {
      body,
      headers: meta === null ? {} : { [META_HEADER]: encodeMeta(meta) },
    });
  }

  /** Appends drafts, given as NDJSON, all or none; answers the lines of their frames. */
  batch(drafts: string, withTimestamp: boolean): Promise<string> {
    return this.#text("POST", `${paths.batch()}${withTimestamp ? "?with-timestamp=true" : ""}`, {
      body: Buffer.from(drafts),
      headers: { "content-type": NDJSON_TYPE },
    });
  }

  /** The line of a frame. */
  get(id: Id, { withTimestamp = false } = {}): Promise<string> {
    return this.#text("GET", `${paths.frame(id)}${withTimestamp ? "?with-timestamp=true" : ""}`);
  }

  /** Removes a frame; one that is not there is no error. */
  async remove(id: Id): Promise<void> {
    await this.#send("DELETE", paths.frame(id));
  }

  /** The newest frame of a topic, or with follow: it, a threshold, and what comes. */
  head(topic: Topic, options: ReadOptions): Promise<Response> {
    return this.#send("GET", `${paths.head(topic)}${encodeReadQuery({ ...options, topic: "all" })}`);
  }

  /** The newest frames of the topics: one JSON object when `last` is 1, NDJSON otherwise. */
  last(topics: string | undefined, options: ReadOptions): Promise<Response> {
    return this.#send("GET", `${paths.last(topics)}${encodeReadQuery({ ...options, topic: "all" })}`);
  }

  /** Content; its body is a stream. */
  content(hash: Hash): Promise<Response> {
    return this.#send("GET", paths.content(hash));
  }

  /** Whether the store has this content. */
  async hasContent(hash: Hash): Promise<boolean> {
    try {
      await this.#send("HEAD", paths.content(hash));
      return true;
    } catch (error) {
      if (error instanceof XsError && error.code === "not_found") return false;
      throw error;
    }
  }

  /** Stores content; answers its hash. */
  putContent(body: Body): Promise<string> {
    return this.#text("POST", paths.cas(), { body });
  }

  /** Imports frames as NDJSON; answers JSON: the frame when there was one, else counts. */
  import(body: Body): Promise<string> {
    return this.#text("POST", paths.import(), { body, headers: { "content-type": NDJSON_TYPE } });
  }

  /** Topics that begin with a prefix, in order of their names. */
  async topics({ prefix, limit }: { readonly prefix: string; readonly limit: number }): Promise<string[]> {
    const query = new URLSearchParams({ prefix, limit: String(limit) });
    return JSON.parse(await this.#text("GET", `${paths.topics()}?${query}`)) as string[];
  }

  /** The server's version. */
  version(): Promise<string> {
    return this.#text("GET", paths.version());
  }

  /** How the store is and what is in it, as JSON; `top` topics are listed. */
  stat(top: number | undefined): Promise<string> {
    return this.#text("GET", paths.stat(top));
  }

  /** Removes what nobody needs, or only looks; answers counts as JSON. */
  gc(isDry: boolean): Promise<string> {
    return this.#text("POST", paths.gc(isDry));
  }

  /**
   * A copy of the database. Until its stream is cancelled, no content that it refers to is collected; so the stream stays
   * open when its `size` bytes have come.
   */
  async backup(): Promise<{ readonly size: number; readonly body: ReadableStream<Uint8Array> }> {
    const response = await this.#send("GET", paths.backup());
    const size = Number(response.headers.get(SIZE_HEADER));
    if (response.body === null || !(size > 0)) throw new XsError("internal", "the server sent no copy");
    return { size, body: response.body };
  }

  async #text(
    method: string,
    path: string,
    init: { body?: Body; headers?: Record<string, string> } = {},
  ): Promise<string> {
    const response = await this.#send(method, path, init);
    const text = await response.text().catch(() => {
      const doubt = method === "GET" ? "" : ": whether it was done is not known";
      throw new XsError("unavailable", `the server at ${this.#name} ended its answer early${doubt}`);
    });
    return text.trimEnd();
  }

  async #send(
    method: string,
    path: string,
    { body = null, headers = {} }: { body?: Body; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const init: BunFetchRequestInit = {
      method,
      headers,
      body,
      // A store is asked for what it has, not for what a proxy would make of it.
      redirect: "error",
      keepalive: false,
      // A follower may hear nothing for days, and an upload may come from a slow command: no idle timeout (Bun names 5 minutes).
      timeout: false,
    };
    const response = await this.#fetch(path, init);
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  // Most often the address is the directory of a store that is served: whoever connects at once need not look there first.
  async #fetch(path: string, init: BunFetchRequestInit): Promise<Response> {
    const { base, unix, authorization } = this.#address;
    const headers = authorization === null ? init.headers : { ...init.headers, authorization };
    // Over a plain socket the kernel sends a file by itself; over TLS or through a proxy Bun would read all of it into memory.
    const body = init.body instanceof Blob && unix === null ? init.body.stream() : init.body;
    const answer = await fetch(`${base}${path}`, { ...init, headers, body, ...(unix === null ? {} : { unix }) }).catch(
      (error: Error & { code?: string }) => error,
    );
    if (answer instanceof Response) return answer;
    // What was not connected has sent nothing, and can be sent again.
    if (unix !== null && UNCONNECTED.includes(answer.code ?? "")) {
      await this.#lookUp();
      if (this.#address.unix !== unix) return this.#fetch(path, init);
    }
    throw new XsError("unavailable", this.#unreachable(answer));
  }

  async #lookUp(): Promise<void> {
    const { lookUp } = await import("./look-up.ts");
    this.#address = lookUp(this.#name);
  }

  #unreachable({ code = "", message }: Error & { code?: string }): string {
    if (REFUSED.includes(code)) {
      const hint = this.#address.unix === null ? "" : `; start it with: xs serve ${this.#name.replace(/\/sock$/, "")}`;
      return `no server answers at ${this.#name}${hint}`;
    }
    return `the store at ${this.#name} did not answer: ${message}`;
  }
}
