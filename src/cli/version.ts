// xs version: the server's, or this program's.
import pkg from "../../package.json" with { type: "json" };
import { Client } from "../http/client.ts";
import { ADDRESS, command } from "./command.ts";
import { print } from "./output.ts";

export default command({
  name: "version",
  summary: "print the version of a server, or of this program",
  positionals: { addr: { ...ADDRESS, optional: true } },
  flags: {},
  examples: [["xs version ./store", "the version of the server there; exit code 3 when none answers"]],
  async run({ addr }) {
    await print(
      `${addr === undefined ? JSON.stringify({ version: pkg.version }) : await new Client(addr).version()}\n`,
    );
  },
});
