// A server that does nothing but answer: what the load generator, Bun.serve and the socket can do between them.
const frame = `{"topic":"bench.append","id":"00000000000000000000000000","hash":null,"meta":null,"ttl":"forever"}\n`;
Bun.serve({
  unix: Bun.argv[2] ?? "",
  fetch: () => new Response(frame, { headers: { "content-type": "application/json" } }),
});
