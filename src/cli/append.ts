// xs append: a frame, with what comes over stdin as its content.
import { parseMeta } from "../frame/meta.ts";
import { parseTopic } from "../frame/topic.ts";
import { FOREVER, parseTtl } from "../frame/ttl.ts";
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { readContent } from "./input.ts";
import { print } from "./output.ts";
import { WITH_TIMESTAMP } from "./read-flags.ts";

export default command({
  name: "append",
  summary: "append an event, with stdin as its content",
  positionals: { addr: ADDRESS, topic: { description: "such as game.move", complete: "topic" } },
  flags: {
    meta: { alias: "m", value: "json", description: "any JSON value; it comes back as it was given" },
    ttl: {
      value: "ttl",
      description: "forever (default), ephemeral, time:<ms> or last:<n>",
      complete: ["forever", "ephemeral", "time:", "last:"],
    },
    ...WITH_TIMESTAMP,
  },
  examples: [
    [`echo hello | xs append ./store notes --meta '{"by":"me"}'`, "an event with content and meta"],
    ["xs append ./store door.opened --ttl last:10 < /dev/null", "one without content; the topic keeps its 10 newest"],
  ],
  notes: [
    "Stdin is read to its end unless it is a terminal, and stored byte for byte; an empty one is no content. In a loop " +
      "that itself reads stdin, give each append < /dev/null.",
  ],
  async run({ addr, topic, meta, ttl, "with-timestamp": withTimestamp }) {
    const name = parseTopic(topic);
    const options = {
      meta: meta === undefined ? null : parseMeta(meta),
      ttl: ttl === undefined ? FOREVER : parseTtl(ttl),
      withTimestamp,
    };
    const client = new Client(addr);
    await print(`${await client.append(name, await readContent(client), options)}\n`);
  },
});
