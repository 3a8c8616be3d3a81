// xs check: whether a store is whole, and what to do where it is not.
import { checkStore } from "../store/check.ts";
import type { Finding } from "../store/finding.ts";
import { repairStore } from "../store/repair.ts";
import { command } from "./command.ts";
import { writeOut } from "./output.ts";
import { showProgress } from "./progress.ts";

export default command({
  name: "check",
  summary: "check every frame and all content of a store, served or not",
  positionals: { store: { description: "the store's directory", complete: "directory" } },
  flags: {
    repair: { description: "first mend what can be mended without a loss; the store must not be served" },
    json: { description: "a line of JSON a fault, and one with the counts at the end" },
  },
  examples: [
    ["xs check ./store", "names each fault, one a line, and what to do about it"],
    [
      "xs check ./store --json | jq -r 'select(.fault == \"content_missing\") | .hash'",
      "the hashes of content that is missing",
    ],
  ],
  notes: [
    "Exit code 0 when the store is whole, 1 when it is not, 5 when it should be repaired and is served.",
    "--repair rebuilds indexes, sets right what is noted beside frames and content, sets damaged content files aside (in " +
      "cas/quarantine/), and removes unfinished files and content that no frame refers to. It never removes a frame.",
  ],
  async run({ store, json, repair }) {
    const say = (done: string): void =>
      writeOut(json ? `${JSON.stringify({ repaired: done })}\n` : `repaired: ${done}\n`);
    if (repair) await repairStore(store, say);
    const { progress, clear } = showProgress("check");
    const checked = await checkStore(store, {
      progress,
      onFinding: (finding) => {
        clear();
        writeOut(json ? `${JSON.stringify(finding)}\n` : lineOf(finding));
      },
    }).finally(clear);
    const { frames, contents, bytes, faults } = checked;
    const count = (n: number, what: string): string => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
    writeOut(
      json
        ? `${JSON.stringify({ summary: checked })}\n`
        : `${count(frames, "frame")}, ${count(contents, "content")}, ${count(bytes, "byte")} of content: ${faults === 0 ? "no faults" : count(faults, "fault")}\n`,
    );
    return faults === 0 ? 0 : 1;
  },
});

const lineOf = ({ fault, message, action }: Finding): string => `${fault}: ${message}; ${action}\n`;
