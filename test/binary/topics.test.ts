// GET /topics: the names of topics, by prefix.
import { expect, test } from "bun:test";
import { XsError } from "../../src/error.ts";
import { ok, withServer } from "../support/xs.ts";

test("topics are listed by prefix in order of their names, and a topic without frames is none", async () => {
  await withServer(async ({ addr, client }) => {
    const topics = (prefix: string, limit = 100): Promise<string[]> => client.topics({ prefix, limit });
    expect(await topics("")).toEqual(["xs.start"]);
    for (const topic of ["b.c.d", "b", "a", "b-c", "b_c", "B"]) await ok(["append", addr, topic]);
    expect(await topics("")).toEqual(["B", "a", "b", "b-c", "b.c.d", "b_c", "xs.start"]);
    expect(await topics("b")).toEqual(["b", "b-c", "b.c.d", "b_c"]);
    expect(await topics("b.")).toEqual(["b.c.d"]);
    expect(await topics("b.*")).toEqual([]);
    expect(await topics("b", 2)).toEqual(["b", "b-c"]);
    expect(await topics("%' OR 1=1")).toEqual([]);
    await ok(["append", addr, "b.c.e", "--ttl", "ephemeral"]);
    const { id } = JSON.parse(await ok(["head", addr, "b.c.d"])) as { id: string };
    await ok(["remove", addr, id]);
    expect(await topics("b.")).toEqual([]);
  });
});

test("a limit that is none is refused by name, and the route takes only GET", async () => {
  await withServer(async ({ addr, client }) => {
    const refused = await client.topics({ prefix: "", limit: 0 }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(XsError);
    expect(refused).toMatchObject({ code: "invalid", message: expect.stringContaining("limit") });
    const post = await fetch("http://localhost/topics", { unix: `${addr}/sock`, method: "POST" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET"]);
  });
});
