// xs cat: the stream, as it is and as it comes.
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { copyOut } from "./output.ts";
import { READ_FLAGS, readOptionsOf } from "./read-flags.ts";

export default command({
  name: "cat",
  summary: "print the stream",
  positionals: { addr: ADDRESS },
  flags: { ...READ_FLAGS, sse: { description: "print server-sent events instead of lines of JSON" } },
  examples: [
    ["xs cat ./store", "every frame, oldest first"],
    ["xs cat ./store --follow --new --topic 'game.*'", "what happens in all games from now on"],
  ],
  notes: ["With --follow, a frame of topic xs.threshold stands between the history and what is live."],
  async run({ addr, sse, ...flags }) {
    const options = readOptionsOf(flags);
    const response = await new Client(addr).read(options, { sse });
    await copyOut(response, { follow: options.follow !== null });
  },
});
