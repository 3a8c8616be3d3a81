// xs export: the whole store as a directory of plain files.
import { Client } from "../http/client.ts";
import { exportStore } from "../transfer/export.ts";
import { ADDRESS, command } from "./command.ts";
import { writeErr, writeOut } from "./output.ts";
import { showProgress } from "./progress.ts";

export default command({
  name: "export",
  summary: "write all frames and their content into a directory",
  positionals: { addr: ADDRESS, dir: { description: "a directory that is new or empty", complete: "directory" } },
  flags: {},
  examples: [["xs export ./store ./dump", "writes ./dump/frames.jsonl and ./dump/cas/"]],
  notes: ["Exit code 1 when the store could not give some content; stderr names it."],
  async run({ addr, dir }) {
    const { progress, clear } = showProgress("export");
    const { frames, contents, missing } = await exportStore(new Client(addr), dir, progress).finally(clear);
    writeOut(`${JSON.stringify({ frames, contents, missing: missing.length })}\n`);
    for (const hash of missing)
      writeErr(`xs: content ${hash} is missing or damaged in the store; it is not in the dump\n`);
    return missing.length > 0 ? 1 : 0;
  },
});
