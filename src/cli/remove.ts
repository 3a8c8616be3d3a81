// xs remove: a frame, gone for good.
import { parseId } from "../frame/id.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";

export default command({
  name: "remove",
  summary: "remove a frame",
  positionals: { addr: ADDRESS, id: { description: "the frame's id" } },
  flags: {},
  examples: [
    ["xs remove ./store 01M8XS5DBWN8W2CJ3F0J9ZPAZR", "removes that frame; one that is gone already is no error"],
  ],
  async run({ addr, id }) {
    await new Client(addr).remove(parseId(id));
  },
});
