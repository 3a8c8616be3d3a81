// xs gc: removes what nobody needs any more, now.
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { print } from "./output.ts";

export default command({
  name: "gc",
  summary: "remove expired frames, and content that no frame refers to, now",
  positionals: { addr: ADDRESS },
  flags: { "dry-run": { description: "only tell what would be removed" } },
  examples: [
    ["xs gc ./store", "removes it and tells how much it was"],
    ["xs gc ./store --dry-run | jq .bytes", "how many bytes of content would go"],
  ],
  notes: [
    "A server does this by itself, slowly, beside its work; gc is for who wants the space now. Appends go on meanwhile.",
    "Content that was sent ahead of its frame (xs cas-post) is kept for an hour; while a backup runs, all content is.",
  ],
  async run({ addr, "dry-run": isDry }) {
    await print(`${await new Client(addr).gc(isDry)}\n`);
  },
});
