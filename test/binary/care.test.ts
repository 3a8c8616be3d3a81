// Looking after a store: check, gc, stat, health and metrics, as a person and as a scraper see them.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseHash } from "../../src/frame/hash.ts";
import { contentPath } from "../../src/store/cas-layout.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDir } from "../support/store.ts";
import { lines, ok, run, type Served, serve, withServer, xs } from "../support/xs.ts";

const LARGE = new Uint8Array(100_000).fill(7);

const appended = async (
  server: Served,
  topic: string,
  bytes: Uint8Array,
  ...flags: string[]
): Promise<{ id: string; hash: string }> =>
  JSON.parse(await ok(["append", server.addr, topic, ...flags], { stdin: bytes })) as { id: string; hash: string };

const api = (server: Served, path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://localhost${path}`, { ...init, unix: join(server.addr, "sock") });

const fileOf = (server: Served, hash: string): string => contentPath(server.addr, parseHash(hash));

// Writes of every kind, until it is stopped.
function underLoad(server: Served): () => Promise<void> {
  const stopped = new AbortController();
  const writer = async (number: number): Promise<void> => {
    for (let n = 0; !stopped.signal.aborted; n++) {
      const size = n % 10 === 0 ? 80_000 : n % 3 === 0 ? 500 : 0;
      const ttl = n % 4 === 0 ? "last:2" : n % 5 === 0 ? "time:1" : "forever";
      const answer = await api(server, `/append/load.${number}.${n % 7}?ttl=${ttl}`, {
        method: "POST",
        body: size === 0 ? null : new Uint8Array(size).fill(n),
      });
      const { id } = (await answer.json()) as { id: string };
      if (n % 6 === 0) await api(server, `/${id}`, { method: "DELETE" });
    }
  };
  const writers = Array.from({ length: 6 }, (_, n) => writer(n));
  return async () => {
    stopped.abort();
    await Promise.all(writers);
  };
}

test("a check beside a server under load finds no faults, and none at rest either", async () => {
  const dir = temporaryDir();
  const server = await serve(join(dir.path, "store"));
  const stop = underLoad(server);
  for (let n = 0; n < 4; n++) {
    const { code, stdout } = await xs(["check", server.addr]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^[\d,]+ frames?, .* no faults\n$/)]);
  }
  await stop();
  expect(await server.stop()).toBe(0);
  expect(await ok(["check", server.addr])).toMatch(/no faults$/);
  dir.remove();
}, 60_000);

test("a check names damaged content, in words and as JSON, and a repair waits until the server has stopped", async () => {
  const dir = temporaryDir();
  const server = await serve(join(dir.path, "store"));
  const { hash } = await appended(server, "note", LARGE);
  truncateSync(fileOf(server, hash), 10);
  const words = await xs(["check", server.addr]);
  expect(words.code).toBe(1);
  expect(words.stdout).toMatch(new RegExp(`^content_damaged: content ${RegExp.escape(hash)} is damaged.*xs cas-post`));
  const json = await xs(["check", server.addr, "--json"]);
  expect(json.code).toBe(1);
  expect(lines(json.stdout)).toEqual([
    expect.objectContaining({ fault: "content_damaged", hash }),
    { summary: expect.objectContaining({ faults: 1, files: 1 }) },
  ]);
  const refused = await xs(["check", server.addr, "--repair"]);
  expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining("stop that server first")]);
  await server.stop();
  const repaired = await xs(["check", server.addr, "--repair"]);
  expect([repaired.code, repaired.stdout]).toEqual([
    1,
    expect.stringMatching(/^repaired: set damaged content .* aside/),
  ]);
  expect(repaired.stdout).toContain("content_missing");
  dir.remove();
});

test("a check of what is no store ends with 4, and of a damaged database with 1 and what to do", async () => {
  const dir = temporaryDir();
  expect((await xs(["check", join(dir.path, "nowhere")])).code).toBe(4);
  mkdirSync(join(dir.path, "store", "cas"), { recursive: true });
  writeFileSync(join(dir.path, "store", "store.db"), "");
  const { code, stdout } = await xs(["check", join(dir.path, "store")]);
  expect([code, stdout]).toEqual([1, expect.stringMatching(/store\.db is empty; restore the store from a backup/)]);
  dir.remove();
});

test("gc removes what nobody needs, tells it beforehand, and leaves what is on its way", () =>
  withServer(async (server) => {
    const kept = await appended(server, "kept", LARGE);
    const gone = await appended(server, "gone.topic", LARGE.slice(1));
    const ahead = await ok(["cas-post", server.addr], { stdin: LARGE.slice(2) });
    // Held open: its content has arrived in part.
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const body = writable.getWriter();
    const slow = api(server, "/append/slow", { method: "POST", body: readable });
    await body.write(LARGE.slice(3));
    await eventually("the upload is under way", () => readdirSync(join(server.addr, "cas", "tmp")).length === 1);
    const stray = contentPath(server.addr, parseHash("sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    mkdirSync(dirname(stray), { recursive: true });
    writeFileSync(stray, "stray");
    expect(lines(await ok(["gc", server.addr, "--dry-run"]))).toEqual([
      { expired: 0, collected: 0, files: 1, bytes: 5, topics: 0, held_by_backup: false },
    ]);
    // A copy that is held keeps all content, so that the removal and gc do not race the sweeper for it.
    const hold = new AbortController();
    const held = await api(server, "/backup?hold", { signal: hold.signal });
    await held.body?.getReader().read();
    await ok(["remove", server.addr, gone.id]);
    expect(lines(await ok(["gc", server.addr]))).toEqual([
      { expired: 0, collected: 0, files: 1, bytes: 5, topics: 1, held_by_backup: true },
    ]);
    expect(await Bun.file(fileOf(server, gone.hash)).exists()).toBe(true);
    hold.abort();
    await eventually("the content is collected", async () => {
      await ok(["gc", server.addr]);
      return !(await Bun.file(fileOf(server, gone.hash)).exists());
    });
    await body.close();
    const { hash } = (await (await slow).json()) as { hash: string };
    for (const name of [kept.hash, ahead, hash]) expect((await xs(["cas", server.addr, name])).code).toBe(0);
    expect(await ok(["check", server.addr])).toMatch(/no faults$/);
  }));

test(
  "gc while 40 clients append the same few contents and remove them again loses none",
  () =>
    withServer(async (server) => {
      let isOver = false;
      const writer = async (number: number): Promise<void> => {
        for (let n = 0; n < 15; n++) {
          const content = new Uint8Array(number % 2 === 0 ? 70_000 : 100).fill(n % 3);
          const { id, hash } = (await (
            await api(server, "/append/same", { method: "POST", body: content })
          ).json()) as { id: string; hash: string };
          const read = await api(server, `/cas/${hash}`);
          expect(read.status).toBe(200);
          expect((await read.bytes()).length).toBe(content.length);
          await api(server, `/${id}`, { method: "DELETE" });
        }
      };
      const collecting = (async () => {
        while (!isOver) await (await api(server, "/gc", { method: "POST" })).json();
      })();
      await Promise.all(Array.from({ length: 40 }, (_, n) => writer(n)));
      isOver = true;
      await collecting;
      // The output names the fault, if there is one.
      expect((await xs(["check", server.addr])).stdout).toMatch(/no faults\n$/);
    }),
  60_000,
);

test("stat tells what is in a store, as JSON where nobody reads it, and as a table on a terminal", () =>
  withServer(async (server) => {
    await appended(server, "a.small", new Uint8Array(10));
    await appended(server, "a.small", new Uint8Array(20));
    await appended(server, "b.large", LARGE);
    const stat = JSON.parse(await ok(["stat", server.addr])) as Record<string, unknown>;
    expect(stat).toMatchObject({
      health: { status: "ok" },
      frames: 4,
      topics: 3,
      content: { count: 3, bytes: 100_030, inline: { count: 2, bytes: 30 }, files: { count: 1, bytes: 100_000 } },
    });
    const top = stat["top"] as { topic: string; frames: number; bytes: number }[];
    expect(top[0]).toMatchObject({ topic: "a.small", frames: 2 });
    expect(top.find(({ topic }) => topic === "b.large")?.bytes).toBeGreaterThan(100_000);
    expect((JSON.parse(await ok(["stat", server.addr, "--top", "1"])) as { top: unknown[] }).top).toHaveLength(1);
    expect((await xs(["stat", server.addr, "--top", "1001"])).code).toBe(2);
  }));

test("metrics are text that Prometheus reads, cheap at once, with counts from the background", () =>
  withServer(async (server) => {
    const scrape = async (): Promise<Map<string, number>> => {
      const answer = await api(server, "/metrics");
      expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
      const samples = (await answer.text()).trimEnd().split("\n");
      const values = samples.filter((line) => !line.startsWith("#"));
      for (const line of values) expect(line).toMatch(/^[a-z_]+(\{[a-z_]+="[^"]*"\})? [0-9.e+-]+$/);
      expect(samples.filter((line) => line.startsWith("# TYPE")).length).toBe(
        samples.filter((line) => line.startsWith("# HELP")).length,
      );
      return new Map(
        values.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
      );
    };
    const first = await scrape();
    expect(first.get("xs_writable")).toBe(1);
    expect(first.get("xs_commit_duration_seconds_count")).toBeGreaterThan(0);
    expect(first.get("xs_database_bytes")).toBeGreaterThan(0);
    expect(first.has("xs_frames")).toBe(false);
    await eventually("the frames are counted", async () => (await scrape()).get("xs_frames") === 1);
  }));

const canMount = process.getuid?.() === 0 && (await run(["sh", "-c", "command -v mount"])).code === 0;

test.skipIf(!canMount)("health says why writes are refused on a full disk, and that they are taken again", async () => {
  const dir = temporaryDir();
  const mounted = await run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir.path]);
  if (mounted.code !== 0) {
    console.log("SKIPPED: no tmpfs can be mounted here");
    return dir.remove();
  }
  try {
    const server = await serve(join(dir.path, "store"));
    const health = async (): Promise<[number, { status: string; reason?: string }]> => {
      const answer = await api(server, "/health");
      return [answer.status, (await answer.json()) as { status: string; reason?: string }];
    };
    expect(await health()).toEqual([200, { status: "ok" }]);
    const ballast = join(dir.path, "ballast");
    await run(["sh", "-c", `head -c 4194304 /dev/zero > ${ballast}`]);
    await eventually("writes are refused", async () => {
      const answer = await api(server, "/append/full", { method: "POST", body: new Uint8Array(30_000) });
      return answer.status === 507;
    });
    expect(await health()).toEqual([503, { status: "read-only", reason: expect.stringContaining("no space left") }]);
    expect((JSON.parse(await ok(["stat", server.addr])) as { health: { status: string } }).health.status).toBe(
      "read-only",
    );
    await run(["rm", ballast]);
    expect(await health()).toEqual([200, { status: "ok" }]);
    await server.kill();
  } finally {
    await run(["umount", "-l", dir.path]);
    dir.remove();
  }
});

test("each of these routes names the methods it takes", () =>
  withServer(async (server) => {
    for (const path of ["/health", "/stat", "/metrics", "/backup"]) {
      const answer = await api(server, path, { method: "POST" });
      expect([path, answer.status, answer.headers.get("allow")]).toEqual([path, 405, "GET"]);
    }
    const answer = await api(server, "/gc");
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await api(server, "/backup", { method: "HEAD" })).status).toBe(200);
    expect(readdirSync(join(server.addr, "cas", "tmp"))).toEqual([]);
  }));
