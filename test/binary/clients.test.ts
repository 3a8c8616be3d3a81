// The clients on the how-to pages, as careful readers use them: through crashes of the server, and started again.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { eventually } from "../support/eventually.ts";
import { filesOf, whyNot, writeFiles } from "../support/page-files.ts";
import { temporaryDir } from "../support/store.ts";
import { ok, run, serve } from "../support/xs.ts";

const ROOT = resolve(import.meta.dir, "../..");
// A directory of its own has no node_modules to find types in.
const NODE_TYPES = [
  "--module",
  "preserve",
  "--target",
  "esnext",
  "--types",
  "bun",
  "--typeRoots",
  join(ROOT, "node_modules/@types"),
];
const HOWTO = join(ROOT, "docs/howto");

type Language = {
  readonly page: string;
  readonly language: string;
  /** Makes the program ready. */
  readonly build: readonly string[] | null;
  readonly command: readonly string[];
};

const LANGUAGES: readonly Language[] = [
  { page: "python.md", language: "python", build: null, command: ["python3", "example.py"] },
  {
    page: "typescript.md",
    language: "ts",
    build: [
      process.execPath,
      "check",
      "--strict",
      "--noEmit",
      "--allowImportingTsExtensions",
      ...NODE_TYPES,
      "example.ts",
    ],
    command: [process.execPath, "example.ts"],
  },
  {
    page: "go.md",
    language: "go",
    build: ["sh", "-c", "go mod init example 2>/dev/null && go vet . && go build -o example ."],
    command: ["./example"],
  },
];

for (const { page, language, build, command } of LANGUAGES) {
  const reason = await whyNot([language]);
  if (reason !== null) console.warn(`${page}: its client is not tried: ${reason}`);

  test.concurrent.if(reason === null)(
    `${page}: a follower sees each event once, through a crash of the server and a start of its own`,
    async () => {
      const dir = temporaryDir();
      const store = join(dir.path, "store");
      writeFiles(filesOf(readFileSync(join(HOWTO, page), "utf8")), dir.path);
      if (build !== null) expect(await run(build, { cwd: dir.path })).toMatchObject({ code: 0 });
      let server = await serve(store);
      try {
        await ok(["append", store, "a.1"], { stdin: "ünï" });
        const first = start(command, dir.path);
        await eventually("the event that was there", () => first.output() === "a.1 ünï\n");

        await server.kill();
        server = await serve(store);
        await ok(["append", store, "elsewhere"], { stdin: "x" });
        await ok(["append", store, "a.2"]);
        await eventually("the event after the crash", () => first.output() === "a.1 ünï\na.2 -\n");
        await first.end(await newest(store));

        await ok(["append", store, "a.3"], { stdin: "three" });
        const second = start(command, dir.path);
        await eventually("the event that came meanwhile", () => second.output() === "a.3 three\n");
        await second.end(await newest(store));

        // A wrong path, and what the server refuses, end the program with a message.
        const nowhere = await run([...command, "follow", "nowhere", "a.*", "none"], { cwd: dir.path });
        expect(nowhere.code).toBe(1);
        expect(nowhere.stderr).toContain("nowhere/sock");
        const refused = await run([...command, "follow", "store", "no spaces", "none"], { cwd: dir.path });
        expect(refused.code).toBe(1);
        expect(refused.stderr).toContain('"no spaces" is neither a topic');
      } finally {
        await server.kill();
        dir.remove();
      }
    },
  );
}

type Follower = { readonly output: () => string; readonly end: (cursor: string) => Promise<void> };

async function newest(store: string): Promise<string> {
  return (JSON.parse(await ok(["last", store, "a.*"])) as { id: string }).id;
}

function start(command: readonly string[], cwd: string): Follower {
  const child = Bun.spawn([...command, "follow", "store", "a.*", "cursor"], { cwd, stdout: "pipe", stderr: "pipe" });
  let output = "";
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) output += decoder.decode(chunk, { stream: true });
  })();
  return {
    output: () => output,
    end: async (cursor) => {
      // It prints an event before it writes the cursor.
      await eventually("the cursor", async () => (await Bun.file(join(cwd, "cursor")).text()) === cursor);
      child.kill("SIGKILL");
      await child.exited;
      await reading;
    },
  };
}
