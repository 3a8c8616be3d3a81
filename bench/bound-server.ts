// The bound of an append and of its way to followers: Bun.serve and SQLite with our schema and group commit, and nothing
// else: no topic, no id, no history. What a store in Bun could reach if all that xs does beside cost nothing.
import { join } from "node:path";
import { RawStore } from "./sqlite-peer.ts";

const dir = Bun.argv[2] ?? "";
const raw = new RawStore(join(dir, "raw"));
const frameOf = (meta: string): string =>
  `{"topic":"bench.append","id":"00000000000000000000000000","hash":null,"meta":${meta},"ttl":"forever"}\n`;
const frame = frameOf("null");
const headers = { "content-type": "application/json" };
type Caller = { readonly frames: number; readonly answer: (response: Response) => void };
let waiting: Caller[] = [];
const published: string[] = [];
// None of them leaves before the end.
const followers = new Set<ReadableStreamDefaultController<Uint8Array>>();

function commit(): void {
  const callers = waiting;
  waiting = [];
  raw.commitMs(callers.reduce((sum, { frames }) => sum + frames, 0));
  for (const { frames, answer } of callers) answer(new Response(frame.repeat(frames), { headers }));
  if (followers.size === 0) return;
  const chunk = Buffer.from(published.splice(0).join(""));
  for (const follower of followers) follower.enqueue(chunk);
}

function add(frames: number): Promise<Response> {
  if (waiting.length === 0) setImmediate(commit);
  return new Promise<Response>((answer) => waiting.push({ frames, answer }));
}

function follow(): Response {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void followers.add(controller) });
  return new Response(body, { headers });
}

Bun.serve({
  unix: join(dir, "sock"),
  fetch(request) {
    if (request.method === "GET") return request.url.includes("follow") ? follow() : new Response(frame, { headers });
    // A batch has a frame a line.
    if (request.url.endsWith("/append")) return request.text().then((lines) => add(lines.split("\n").length - 1));
    if (followers.size > 0)
      published.push(frameOf(Buffer.from(request.headers.get("xs-meta") ?? "", "base64").toString()));
    return add(1);
  },
});
