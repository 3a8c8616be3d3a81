// xs head: the newest frame of one topic.
import { parseTopic } from "../frame/topic.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { copyOut } from "./output.ts";
import { FOLLOW_FLAG, readOptionsOf, WITH_TIMESTAMP } from "./read-flags.ts";

export default command({
  name: "head",
  summary: "print the newest frame of a topic",
  positionals: { addr: ADDRESS, topic: { description: "the topic", complete: "topic" } },
  flags: { follow: FOLLOW_FLAG, ...WITH_TIMESTAMP },
  examples: [["xs head ./store notes", "the newest note"]],
  notes: ["Exit code 4 when the topic has no frame."],
  async run({ addr, topic, ...flags }) {
    const options = readOptionsOf(flags);
    const response = await new Client(addr).head(parseTopic(topic), options);
    await copyOut(response, { follow: options.follow !== null });
  },
});
