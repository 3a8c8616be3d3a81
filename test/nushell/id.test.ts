// Nushell: ids are made, taken apart and put together without a process, by the rules of the program.
import { expect, test } from "bun:test";
import { withNu } from "../support/nu.ts";
import { ok } from "../support/xs.ts";

test("2000 ids come back from their parts exactly, and new ones are ULIDs of now", async () => {
  await withNu(async ({ nu }) => {
    const before = Date.now();
    const { ids, same } = await nu<{ ids: string[]; same: number }>(`
      let ids = 1..2000 | each { .id }
      {ids: $ids, same: ($ids | where {|id| ($id | .id unpack | .id pack) == $id } | length)}`);
    expect(same).toBe(2000);
    expect(new Set(ids).size).toBe(2000);
    for (const id of ids) expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    const [first = "", last = ""] = [ids[0], ids.at(-1)];
    const times = await nu<number[]>(`["${first}" "${last}"] | each { .id unpack | get ts_ms }`);
    for (const ms of times) expect(ms >= before && ms <= Date.now()).toBe(true);
  });
});

test("unpack and pack answer what the program answers", async () => {
  await withNu(async ({ nu }) => {
    const ids = ["00000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01M8XS5DBWN8W2CJ3F0J9ZPAZR"];
    for (const id of ids) {
      const parts = JSON.parse(await ok(["id", "unpack", id])) as unknown;
      expect(await nu(`[(.id unpack ${id}) ("${id.toLowerCase()}" | .id unpack)]`)).toEqual([parts, parts]);
      expect(await nu(`[(.id pack (.id unpack ${id})) (.id unpack ${id} | .id pack)]`)).toEqual([id, id]);
    }
  });
});

test("what is not an id, or not its parts, is an error that says so", async () => {
  await withNu(async ({ nu }) => {
    const parts = (ms: string, random: string): string => `fault { {ts_ms: ${ms}, random: "${random}"} | .id pack }`;
    expect(
      await nu(`[
        (fault { .id unpack abc })
        (fault { "8ZZZZZZZZZZZZZZZZZZZZZZZZZ" | .id unpack })
        (fault { .id unpack })
        (${parts("-1", "0000000000000000")})
        (${parts("281474976710656", "0000000000000000")})
        (${parts("1.5", "0000000000000000")})
        (${parts("1", "000000000000000U")})
        (fault { {} | .id pack })
      ]`),
    ).toEqual([
      '"abc" is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR',
      '"8ZZZZZZZZZZZZZZZZZZZZZZZZZ" is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR',
      '"" is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR',
      "ts_ms: -1 is not a time: whole milliseconds since 1970, below 2^48",
      "ts_ms: 281474976710656 is not a time: whole milliseconds since 1970, below 2^48",
      "ts_ms: 1.5 is not a time: whole milliseconds since 1970, below 2^48",
      'random: "000000000000000U" is not the random part of an id: 16 characters of Crockford\'s base 32',
      "ts_ms: null is not a time: whole milliseconds since 1970, below 2^48",
    ]);
  });
});
