// The bound of an append: Bun.serve and SQLite with our schema and group commit, and nothing else: no topic, no id, no
// follower. What a store in Bun could reach if all that xs does beside cost nothing.
import { join } from "node:path";
import { RawStore } from "./sqlite-peer.ts";

const dir = Bun.argv[2] ?? "";
const raw = new RawStore(join(dir, "raw"));
const frame = `{"topic":"bench.append","id":"00000000000000000000000000","hash":null,"meta":null,"ttl":"forever"}\n`;
const headers = { "content-type": "application/json" };
let waiting: ((answer: Response) => void)[] = [];

function commit(): void {
  const callers = waiting;
  waiting = [];
  raw.commitMs(callers.length);
  for (const answer of callers) answer(new Response(frame, { headers }));
}

Bun.serve({
  unix: join(dir, "sock"),
  fetch(request) {
    if (request.method === "GET") return new Response(frame, { headers });
    if (waiting.length === 0) setImmediate(commit);
    return new Promise<Response>((resolve) => waiting.push(resolve));
  },
});
