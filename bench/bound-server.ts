// The bound of an append: Bun.serve and SQLite with our schema and group commit, and nothing else: no topic, no id, no
// follower. What a store in Bun could reach if all that xs does beside cost nothing.
import { join } from "node:path";
import { RawStore } from "./sqlite-peer.ts";

const dir = Bun.argv[2] ?? "";
const raw = new RawStore(join(dir, "raw"));
const frame = `{"topic":"bench.append","id":"00000000000000000000000000","hash":null,"meta":null,"ttl":"forever"}\n`;
const headers = { "content-type": "application/json" };
type Caller = { readonly frames: number; readonly answer: (response: Response) => void };
let waiting: Caller[] = [];

function commit(): void {
  const callers = waiting;
  waiting = [];
  raw.commitMs(callers.reduce((sum, { frames }) => sum + frames, 0));
  for (const { frames, answer } of callers) answer(new Response(frame.repeat(frames), { headers }));
}

function add(frames: number): Promise<Response> {
  if (waiting.length === 0) setImmediate(commit);
  return new Promise<Response>((answer) => waiting.push({ frames, answer }));
}

Bun.serve({
  unix: join(dir, "sock"),
  fetch(request) {
    if (request.method === "GET") return new Response(frame, { headers });
    // A batch has a frame a line.
    if (request.url.endsWith("/append")) return request.text().then((lines) => add(lines.split("\n").length - 1));
    return add(1);
  },
});
