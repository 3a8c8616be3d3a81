// xs batch: many frames at once, from lines of JSON on stdin.
import { invalid, XsError } from "../error.ts";
import { parseDraft } from "../frame/draft.ts";
import { levelsOf } from "../frame/topic.ts";
import { Client } from "../http/client.ts";
import { BATCH_BYTES_MAX, BATCH_FRAMES_MAX, BATCH_LEVELS_MAX, decodeLines, LINE_CHARS_MAX } from "../http/wire.ts";
import { ADDRESS, command } from "./command.ts";
import { chunksOf, isTerminal, readContent } from "./input.ts";
import { tryPrint } from "./output.ts";
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
    "A line has topic, and if need be meta, ttl, and content (text, up to 64 KiB) or hash (of content that is stored: xs " +
      "cas-post). The events are printed, in the same order, when all of them are durable.",
    "Up to 16,384 lines and 8 MiB are one transaction: all of it is appended, or nothing. Longer input is several of them.",
  ],
  async run({ addr, "with-timestamp": withTimestamp }) {
    const client = new Client(addr);
    await client.checkReachable();
    if (await isTerminal()) throw invalid("batch needs events as lines of JSON on stdin; see: xs help batch");
    let [appended, isRead] = [0, true];
    try {
      for await (const lines of batchesOf(chunksOf(await readContent(client)))) {
        const answer = await send(client, lines, withTimestamp);
        appended += lines.length;
        // Who reads the first lines only (`| head -1`) has all appended nevertheless.
        isRead &&= await tryPrint(`${answer}\n`);
      }
    } catch (error) {
      if (!(error instanceof XsError) || appended === 0) throw error;
      throw new XsError(error.code, `${error.message}; ${appended} events before that were appended`);
    }
  },
});

type Line = { readonly number: number; readonly text: string };

async function send(client: Client, lines: readonly Line[], withTimestamp: boolean): Promise<string> {
  try {
    return await client.batch(lines.map(({ text }) => text).join("\n"), withTimestamp);
  } catch (error) {
    const line = error instanceof XsError ? lines[error.details["index"] as number] : undefined;
    if (line === undefined || !(error instanceof XsError)) throw error;
    // The server counts within this batch.
    throw new XsError(error.code, error.message.replace(/^line \d+/, `line ${line.number}`));
  }
}

// Each line is read here too, so that what is wrong is told by its number in the whole input.
async function* batchesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line[]> {
  let [batch, bytes, levels, number] = [[] as Line[], 0, 0, 0];
  for await (const texts of decodeLines(input, LINE_CHARS_MAX)) {
    for (const text of texts) {
      number++;
      if (text === "") continue;
      const [size, depth] = [Buffer.byteLength(text) + 1, depthOf(text, number)];
      if (batch.length === BATCH_FRAMES_MAX || bytes + size > BATCH_BYTES_MAX || levels + depth > BATCH_LEVELS_MAX) {
        yield batch;
        [batch, bytes, levels] = [[], 0, 0];
      }
      batch.push({ number, text });
      bytes += size;
      levels += depth;
    }
  }
  if (batch.length > 0) yield batch;
}

function depthOf(text: string, number: number): number {
  try {
    return levelsOf(parseDraft(text).draft.topic);
  } catch (error) {
    throw error instanceof XsError ? new XsError(error.code, `line ${number}: ${error.message}`) : error;
  }
}
