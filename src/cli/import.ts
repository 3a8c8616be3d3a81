// xs import: frames with the ids they have, from a dump directory or as NDJSON from stdin.
import { Client } from "../http/client.ts";
import { convertLines, importDump } from "../transfer/import.ts";
import { invalid } from "../error.ts";
import { ADDRESS, command } from "./command.ts";
import { chunksOf, isTerminal, readContent } from "./input.ts";
import { writeErr, writeOut } from "./output.ts";
import { showProgress } from "./progress.ts";

export default command({
  name: "import",
  summary: "import frames, ids kept, from a dump directory or as lines of JSON from stdin",
  positionals: {
    addr: ADDRESS,
    dir: { description: "a directory that xs export wrote; stdin without it", optional: true, complete: "directory" },
  },
  flags: {
    reid: { description: "convert a dump of the original xs: its ids become ULIDs, the old ones go into meta" },
  },
  examples: [
    ["xs import ./store ./dump", "imports a dump with its content"],
    ["xs cat ./store -T 'game.*' | xs import ./other", "copies some frames into another store"],
  ],
  notes: [
    "Frames that are there already are passed over, so that importing again is safe. An id that is taken by another frame " +
      "is a conflict (exit code 5).",
    "A frame whose content is neither in the dump nor in the store is left out and named, with exit code 1.",
  ],
  async run({ addr, dir, reid }) {
    const client = new Client(addr);
    await client.checkReachable();
    if (dir === undefined) return importStdin(client, reid);
    const { progress, clear } = showProgress("import");
    const { missing, ...counts } = await importDump(client, dir, { reid, progress }).finally(clear);
    writeOut(`${JSON.stringify({ ...counts, missing: missing.length })}\n`);
    for (const { id, hash } of missing) writeErr(`xs: frame ${id} is left out: its content ${hash} is missing\n`);
    return missing.length > 0 ? 1 : 0;
  },
});

async function importStdin(client: Client, reid: boolean): Promise<void> {
  if (await isTerminal())
    throw invalid("import needs a directory, or frames as lines of JSON on stdin; see: xs help import");
  const input = await readContent(client);
  if (!reid || input === null) return writeOut(`${await client.import(input)}\n`);
  const lines = convertLines(chunksOf(input));
  writeOut(`${await client.import(new Response(lines).body)}\n`);
}
