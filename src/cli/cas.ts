// xs cas: content by its hash.
import { XsError } from "../error.ts";
import { hashOf, parseHash } from "../frame/hash.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { copyOut } from "./output.ts";

export default command({
  name: "cas",
  summary: "print content by its hash",
  positionals: { addr: ADDRESS, hash: { description: "as in a frame: sha256-..." } },
  flags: {},
  examples: [["xs head ./store notes | jq -r .hash | xargs xs cas ./store", "the content of the newest note"]],
  notes: ["The bytes come out as they went in. Content that is damaged on disk is an error with exit code 1."],
  async run({ addr, hash }) {
    const expected = parseHash(hash);
    const client = new Client(addr);
    const response = await client.content(expected);
    // The server has held all of it against its hash just now, and on a local socket nothing changes on the way.
    if (client.isLocal) return copyOut(response);
    const hasher = new Bun.CryptoHasher("sha256");
    await copyOut(response, { onChunk: (chunk) => void hasher.update(chunk) });
    if (hashOf(hasher.digest()) === expected) return;
    throw new XsError("internal", `what came is not the content ${expected}: do not trust it`);
  },
});
