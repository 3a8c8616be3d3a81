// xs id: a new id, or one taken apart or put together.
import { invalid, quote } from "../error.ts";
import { newId, packId, parseId, randomOf, timeOf } from "../frame/id.ts";
import { command } from "./command.ts";
import { isTerminal } from "./input.ts";
import { print } from "./output.ts";

export default command({
  name: "id",
  summary: "print a new id, or take one apart (unpack) or together (pack)",
  positionals: {
    action: { description: "unpack or pack; without it, a new id", optional: true, complete: ["unpack", "pack"] },
    value: { description: "an id, or its parts as JSON; from stdin without it", optional: true },
  },
  flags: {},
  examples: [
    ["xs id", "a new id (a ULID)"],
    ["xs id unpack 01M8XS5DBWN8W2CJ3F0J9ZPAZR", "its parts: ts_ms (milliseconds since 1970) and random"],
    [`xs id pack '{"ts_ms":1795648000000,"random":"0000000000000000"}'`, "the id that has these parts"],
  ],
  async run({ action, value }) {
    if (action === undefined) return print(`${newId(Date.now())}\n`);
    if (action === "unpack") {
      const id = parseId(await valueOr(value));
      return print(`${JSON.stringify({ ts_ms: timeOf(id), random: randomOf(id) })}\n`);
    }
    if (action === "pack") return print(`${pack(await valueOr(value))}\n`);
    throw invalid(`id does not take ${quote(action)}; see: xs help id`);
  },
});

async function valueOr(value: string | undefined): Promise<string> {
  if (value !== undefined) return value;
  if (await isTerminal()) throw invalid("id needs a value; see: xs help id");
  return (await Bun.stdin.text()).trim();
}

function pack(json: string): string {
  let parts: { ts_ms?: unknown; random?: unknown };
  try {
    parts = JSON.parse(json) as typeof parts;
  } catch {
    throw invalid(`${quote(json)} is not JSON such as {"ts_ms":1795648000000,"random":"0000000000000000"}`);
  }
  if (typeof parts?.ts_ms !== "number" || typeof parts.random !== "string") {
    throw invalid("an id is packed from ts_ms (a number of milliseconds) and random (16 characters)");
  }
  return packId(parts.ts_ms, parts.random);
}
