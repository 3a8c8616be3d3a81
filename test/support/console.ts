// Documentation as a test: the commands of a page's ```console blocks, run one after another in one shell session's worth
// of files, and what they print held against what the page says.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { installRuntimes } from "./page-files.ts";
import { COMMAND, run, serve, type Served } from "./xs.ts";

export type Step = { readonly command: string; readonly expected: readonly string[]; readonly line: number };

/** The steps of all console blocks of a page: `$ ` begins a command, `> ` goes on with it, the rest is its output. */
export function stepsOf(markdown: string): Step[] {
  const steps: { command: string; expected: string[]; line: number }[] = [];
  let inBlock = false;
  for (const [index, line] of markdown.split("\n").entries()) {
    if (line.startsWith("```")) inBlock = line === "```console";
    else if (!inBlock) continue;
    else if (line.startsWith("$ ")) steps.push({ command: line.slice(2), expected: [], line: index + 1 });
    else if (line.startsWith("> ")) (steps.at(-1) as Step & { command: string }).command += `\n${line.slice(2)}`;
    else steps.at(-1)?.expected.push(line);
  }
  return steps;
}

/** The page with the output of its commands put in the place of what it says. */
export function withOutputs(markdown: string, outputs: readonly (readonly string[])[]): string {
  let at = 0;
  return markdown.replaceAll(/^```console\n(.*?)^```$/gms, (block) => {
    const steps = stepsOf(block).map(({ command }) =>
      [`$ ${command.replaceAll("\n", "\n> ")}`, ...(outputs[at++] ?? [])].join("\n"),
    );
    return ["```console", ...steps, "```"].join("\n");
  });
}

/** What differs from run to run, made the same: ids, times, process ids, byte counts of a database. */
export function normalized(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line
      .replaceAll(/\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b/g, "<id>")
      .replaceAll(/\b\d\d:\d\d:\d\d\.\d{3} [0-9A-Z]{5}\b/g, "<time> <end of id>")
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<timestamp>")
      .replaceAll(/\bprocess \d+/g, "process <pid>")
      .replaceAll(/^(date|Date): .*/g, "date: <date>")
      .replaceAll(/"ts_ms":\d+,"random":"[0-9A-Z]{16}"/g, '"ts_ms":<ms>,"random":"<random>"')
      .trimEnd(),
  );
}

/** Runs the steps in a directory that is empty but for what they make; `xs serve DIR` starts a server that goes on. */
export async function runSteps(steps: readonly Step[], dir: string): Promise<string[][]> {
  const bin = join(dir, ".bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "xs"), `#!/bin/sh\nexec ${COMMAND.map((word) => `'${word}'`).join(" ")} "$@"\n`);
  chmodSync(join(bin, "xs"), 0o755);
  installRuntimes(bin);
  const env = { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  const servers: Served[] = [];
  const outputs: string[][] = [];
  try {
    for (const { command } of steps) {
      const served = /^xs serve (\S+)(.*?)(?: &)?$/.exec(command);
      if (served) {
        const server = await serve(join(dir, served[1] ?? ""), (served[2] ?? "").split(" ").filter(Boolean));
        servers.push(server);
        // It answers before it has written its first line.
        if (!/ (-q|--quiet)\b/.test(command))
          await eventually(`a line of ${command}`, () => server.log().includes("\n"));
        outputs.push(server.log().trimEnd().split("\n").filter(Boolean));
        continue;
      }
      const { stdout, stderr } = await run(["bash", "-c", `exec 2>&1 </dev/null\n${command}`], { cwd: dir, env });
      outputs.push(
        `${stdout}${stderr}`
          .trimEnd()
          .split("\n")
          .filter((line, _, all) => all.length > 1 || line !== ""),
      );
    }
    return outputs;
  } finally {
    for (const server of servers) await server.kill();
  }
}
