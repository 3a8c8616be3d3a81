// xs cas-post: content without a frame.
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { readContent } from "./input.ts";
import { print } from "./output.ts";

export default command({
  name: "cas-post",
  summary: "store stdin as content without a frame, and print its hash",
  positionals: { addr: ADDRESS },
  flags: {},
  examples: [["xs cas-post ./store < photo.jpg", "stores the bytes; a frame may refer to them later"]],
  notes: ["Content that no frame refers to within an hour may be collected."],
  async run({ addr }) {
    const client = new Client(addr);
    await print(`${await client.putContent(await readContent(client))}\n`);
  },
});
