// xs last: the newest frames, of all topics or of some.
import { formatTopicFilter, parseTopicFilter } from "../frame/topic.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { copyOut } from "./output.ts";
import { FOLLOW_FLAG, readOptionsOf, WITH_TIMESTAMP } from "./read-flags.ts";

export default command({
  name: "last",
  summary: "print the newest frames",
  positionals: {
    addr: ADDRESS,
    topic: {
      description: "a topic, all below one (a.*), *, or a comma list; all topics without it",
      optional: true,
      complete: "topics",
    },
    n: { description: "how many; 1 without it", optional: true },
  },
  flags: { follow: FOLLOW_FLAG, ...WITH_TIMESTAMP },
  examples: [
    ["xs last ./store", "the newest frame of all"],
    ["xs last ./store 'game.*' 5", "the five newest moves of all games, oldest of them first"],
  ],
  notes: [
    "Exit code 4 when one frame is asked for and there is none; more than one are lines of JSON, even if none is there.",
  ],
  async run({ addr, topic, n, ...flags }) {
    // A topic never begins with a digit, so that a number alone is the count.
    const isCount = n === undefined && topic !== undefined && /^[0-9]+$/.test(topic);
    const options = readOptionsOf({ ...flags, last: (isCount ? topic : n) ?? "1" });
    const topics = topic === undefined || isCount ? undefined : formatTopicFilter(parseTopicFilter(topic));
    const response = await new Client(addr).last(topics, options);
    await copyOut(response, { follow: options.follow !== null });
  },
});
