// Nushell: dumps, stores for a while, completion, and what a call costs.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { withNu } from "../support/nu.ts";

test("an export imports into another store with ids and content, and importing again changes nothing", async () => {
  await withNu(async ({ nu, dir }) => {
    const found = await nu<Record<string, unknown>>(`
      "one" | .append t --meta {n: 1}
      0x[00 ff] | .append t
      let before = .cat -T t
      let exported = .export dump
      let there = .tmp-spawn {
        let counts = .import dump
        {counts: $counts, again: (.import ./dump), frames: (.cat -T t), content: (.last t 2 | each { .cas | into binary })}
      }
      let lines = .tmp-spawn {
        # Lines have no content: it has to be there first.
        "one" | .cas-post
        0x[00 ff] | .cas-post
        open --raw ${join(dir, "dump/frames.jsonl")} | .import
        $before | .import
      }
      {exported: $exported, same: ($there.frames == $before), there: $there, lines: $lines,
       faults: [(fault { .import }) (fault { .import nowhere }) (fault { "nonsense" | .import })]}`);
    expect(found).toMatchObject({
      exported: { frames: 3, missing: 0 },
      same: true,
      there: {
        counts: { imported: 3, existing: 0 },
        again: { imported: 0, existing: 3 },
        content: [
          [111, 110, 101],
          [0, 255],
        ],
      },
      lines: { imported: 0, existing: 2 },
    });
    const [none, nowhere, nonsense] = found["faults"] as string[];
    expect(none).toBe("import needs a directory, or frames from the pipeline");
    expect(nowhere).toContain("nowhere");
    expect(nonsense).toContain("line 1");
  });
});

test("tmp-spawn gives a new store, answers what the closure answers, and leaves nothing, also when it fails", async () => {
  await withNu(async ({ nu, dir, server }) => {
    const tmp = emptyDir(dir);
    const { result, failed, address, jobs, store, pid } = await nu<Record<string, unknown>>(
      `
      let result = .tmp-spawn {
        "hello" | .append greeting
        {store: $env.XS_ADDR, topics: (.cat | get topic), content: (.head greeting | .cas)}
      }
      let failed = fault { .tmp-spawn { error make {msg: "the closure failed"} } }
      let store = try { .tmp-spawn { error make {msg: $env.XS_ADDR} } } catch {|error| $error.msg }
      let pid = .tmp-spawn { ps | where name =~ xs or name =~ bun | length }
      {result: $result, failed: $failed, address: $env.XS_ADDR, jobs: (job list | length), store: $store, pid: $pid}`,
      { TMPDIR: tmp },
    );
    expect(result).toMatchObject({ topics: ["xs.start", "greeting"], content: "hello" });
    expect((result as { store: string }).store).toStartWith(tmp);
    expect(failed).toBe("the closure failed");
    expect(address).toBe(server.addr);
    expect(jobs).toBe(0);
    expect(existsSync(store as string)).toBe(false);
    expect(pid).toBeGreaterThan(0);
    expect(readdirSync(tmp)).toEqual([]);
  });
});

test("tmp-spawn says why a server does not start", async () => {
  await withNu(async ({ nu, dir }) => {
    const tmp = emptyDir(dir);
    expect(await nu(`fault { .tmp-spawn { 1 } }`, { XS_BIN: "/bin/false", TMPDIR: tmp })).toContain("the server ended");
    expect(await nu(`fault { .tmp-spawn { 1 } }`, { XS_BIN: "/no/such/xs", TMPDIR: tmp })).toContain(
      "the server ended",
    );
    expect(readdirSync(tmp)).toEqual([]);
  });
});

test("topics complete where a topic stands, with wildcards where those are allowed, and quietly without a server", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        for topic in [game.move game.end note] { .append $topic }
        {
          append: (".append g" | commandline complete)
          head: (".head n" | commandline complete)
          cat: (".cat -T g" | commandline complete)
          last: (".last game." | commandline complete)
          none: (with-env {XS_ADDR: ./nope} { ".append g" | commandline complete })
          remote: (with-env {XS_ADDR: "127.0.0.1:1"} { ".append g" | commandline complete })
        }`),
    ).toEqual({
      append: ["game.end", "game.move"],
      head: ["note"],
      cat: ["game.*", "game.end", "game.move"],
      last: ["game.*", "game.end", "game.move"],
      none: [],
      remote: [],
    });
  });
});

test("a call to a local store is much cheaper than starting a client", async () => {
  await withNu(async ({ nu }) => {
    const [call = 0, client = 0] = await nu<number[]>(`
      def median [times: list<duration>] { $times | sort | get (($times | length) // 2) | into int }
      mut calls = []
      for _ in 1..100 { $calls ++= [(timeit { "x" | .append t })] }
      mut clients = []
      for _ in 1..9 { $clients ++= [(timeit { "x" | ^$env.XS_BIN append $env.XS_ADDR t | complete })] }
      [(median $calls) (median $clients)]`);
    console.log(`.append ${(call / 1e6).toFixed(2)} ms, xs append ${(client / 1e6).toFixed(2)} ms (medians)`);
    expect(client / call).toBeGreaterThan(3);
  });
});

function emptyDir(parent: string): string {
  const path = join(parent, "tmp");
  mkdirSync(path);
  return path;
}
