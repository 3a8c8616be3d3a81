// xs batch: many frames at once, from lines of JSON on stdin.
import { invalid, XsError } from "../error.ts";
import { parseDraft } from "../frame/draft.ts";
import { Client } from "../http/client.ts";
import { BATCH_BYTES_MAX, BATCH_FRAMES_MAX, decodeLines } from "../http/wire.ts";
import { ADDRESS, command } from "./command.ts";
import { isTerminal } from "./input.ts";
import { print } from "./output.ts";
import { WITH_TIMESTAMP } from "./read-flags.ts";

export default command({
  name: "batch",
  summary: "append many events at once, from lines of JSON on stdin",
  positionals: { addr: ADDRESS },
  flags: { ...WITH_TIMESTAMP },
  examples: [
    [`printf '{"topic":"a"}\\n{"topic":"b","meta":{"n":1}}\\n' | xs batch ./store`, "two events, both or none"],
    [
      `jq -c '.[] | {topic: "order", content: tojson}' orders.json | xs batch ./store`,
      "an event an order, which is its content",
    ],
  ],
  notes: [
    "A line has topic, and if need be meta, ttl, and content (text) or hash (of content that is stored: xs cas-post). The " +
      "events are printed, in the same order, when all of them are durable.",
    "Up to 16,384 lines and 8 MiB are one transaction: all of it is appended, or nothing. Longer input is several of them.",
  ],
  async run({ addr, "with-timestamp": withTimestamp }) {
    const client = new Client(addr);
    await client.checkReachable();
    if (await isTerminal()) throw invalid("batch needs events as lines of JSON on stdin; see: xs help batch");
    let appended = 0;
    for await (const lines of batchesOf(Bun.stdin.stream())) {
      const answer = await client.batch(lines.join("\n"), withTimestamp).catch((error: XsError) => {
        const before = appended > 0 ? `; ${appended} events before this batch were appended` : "";
        throw new XsError(error.code, `${error.message}${before}`);
      });
      appended += lines.length;
      await print(`${answer}\n`);
    }
  },
});

// Each line is read here too, so that what is wrong is told by its number in the whole input.
async function* batchesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  let [batch, bytes, number] = [[] as string[], 0, 0];
  for await (const lines of decodeLines(input, BATCH_BYTES_MAX)) {
    for (const line of lines) {
      check(line, ++number, number - 1 - batch.length);
      const size = Buffer.byteLength(line) + 1;
      if (batch.length === BATCH_FRAMES_MAX || (batch.length > 0 && bytes + size > BATCH_BYTES_MAX)) {
        yield batch;
        [batch, bytes] = [[], 0];
      }
      batch.push(line);
      bytes += size;
    }
  }
  if (batch.length > 0) yield batch;
}

function check(line: string, number: number, appended: number): void {
  try {
    parseDraft(line);
  } catch (error) {
    if (!(error instanceof XsError)) throw error;
    const before = appended > 0 ? `${appended} events before this batch were appended` : "nothing was appended";
    throw new XsError(error.code, `line ${number}: ${error.message}; ${before}`);
  }
}
