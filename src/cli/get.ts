// xs get: one frame by its id.
import { parseId } from "../frame/id.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { print } from "./output.ts";
import { WITH_TIMESTAMP } from "./read-flags.ts";

export default command({
  name: "get",
  summary: "print a frame by its id",
  positionals: { addr: ADDRESS, id: { description: "the frame's id" } },
  flags: WITH_TIMESTAMP,
  examples: [["xs get ./store 01M8XS5DBWN8W2CJ3F0J9ZPAZR", "that frame"]],
  notes: ["Exit code 4 when there is no such frame."],
  async run({ addr, id, "with-timestamp": withTimestamp }) {
    await print(`${await new Client(addr).get(parseId(id), { withTimestamp })}\n`);
  },
});
