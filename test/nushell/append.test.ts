// Nushell: what goes into a store, and how it comes back.
import { expect, test } from "bun:test";
import { withNu } from "../support/nu.ts";

test("an append answers the frame as a record with the contract's keys in order", async () => {
  await withNu(async ({ nu }) => {
    const { frame, type, stored } = await nu<{ frame: Record<string, unknown>; type: string; stored: unknown }>(`
      let frame = "content" | .append my-topic --meta {type: "text/plain"}
      {frame: $frame, type: ($frame | describe), stored: (.get $frame.id)}`);
    expect(Object.keys(frame)).toEqual(["topic", "id", "hash", "meta", "ttl"]);
    expect(frame).toMatchObject({
      topic: "my-topic",
      hash: "sha256-7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=",
      meta: { type: "text/plain" },
      ttl: "forever",
    });
    expect(type).toStartWith("record<topic: string, id: string");
    expect(stored).toEqual(frame);
  });
});

test("text and bytes are stored byte for byte, and come back as what they were", async () => {
  await withNu(async ({ nu, server }) => {
    const found = await nu<Record<string, unknown>>(`
      let bytes = 0..255 | each { into binary | bytes at 0..0 } | bytes collect
      let text = "héllo ✓ 😀\\r\\nno end"
      let marked = "\\u{feff}marked"
      {
        bytes: (($bytes | .append b | .cas) == $bytes)
        text: (($text | .append t | .cas) == $text)
        marked: ($marked | .append t | .cas | encode utf-8 | encode hex)
        line_end: ("a\\n" | .append t | .cas)
        types: [($bytes | .append b | .cas | describe) ($text | .append t | .cas | describe)]
        hash: ($bytes | .append b | get hash)
      }`);
    const all = Uint8Array.from({ length: 256 }, (_, value) => value);
    expect(found).toEqual({
      bytes: true,
      text: true,
      marked: "EFBBBF6D61726B6564",
      line_end: "a\n",
      types: ["binary", "string"],
      hash: `sha256-${new Bun.CryptoHasher("sha256").update(all).digest("base64")}`,
    });
    const response = await server.client.content(found["hash"] as never);
    expect(await response.bytes()).toEqual(all);
  });
});

test("records, lists, tables and other values are stored as JSON, also from a stream", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        touch one.txt two.txt
        [
          ({a: 1, b: [x "✓"]} | .append v | .cas)
          ([1 2] | .append v | .cas)
          ([[a b]; [1 2]] | .append v | .cas)
          (ls *.txt | select name | .append v | .cas)
          (1..3 | each { $in * 2 } | .append v | .cas)
          (5 | .append v | .cas)
          (true | .append v | .cas)
          (1.5 | .append v | .cas)
          ({a: 1} | .cas-post | .cas $in)
        ]`),
    ).toEqual([
      '{"a":1,"b":["x","✓"]}',
      "[1,2]",
      '[{"a":1,"b":2}]',
      '[{"name":"one.txt"},{"name":"two.txt"}]',
      "[2,4,6]",
      "5",
      "true",
      "1.5",
      '{"a":1}',
    ]);
  });
});

test("no input and empty input are no content", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`[
        (.append e | get hash)
        (null | .append e | get hash)
        ("" | .append e | get hash)
        (.append e | .cas)
        (.append e | .cas $in.hash)
      ]`),
    ).toEqual([null, null, null, null, null]);
  });
});

test("a stream of bytes is sent while it comes, not collected", async () => {
  await withNu(async ({ nu }) => {
    const { frame, kb } = await nu<{ frame: { hash: string }; kb: number }>(`
      let frame = ^head -c 100000000 /dev/zero | .append big
      # The high-water mark of this Nushell: with the content in it, it would be above 100 MB.
      let kb = open --raw /proc/self/status | lines | parse "VmHWM:{kb} kB" | get 0.kb | str trim | into int
      {frame: $frame, kb: $kb}`);
    const hash = new Bun.CryptoHasher("sha256").update(new Uint8Array(100_000_000)).digest("base64");
    expect(frame.hash).toBe(`sha256-${hash}`);
    expect(kb).toBeLessThan(90_000);
  });
});

test("meta takes any value that JSON holds, and never turns another silently into null", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`[
        (.append m --meta {z: 1, a: [1 2.5 null true {k: "✓"}], "10": x, "a b": {}} | get meta | to json --raw)
        (.append m --meta [1 2] | get meta)
        (.append m --meta "text" | get meta)
        (.append m --meta {took: 1500ms, at: 2024-01-02T03:04:05Z, size: 5kb, list: [1sec]} | get meta)
        (fault { .append m --meta {a: {b: 0x[00]}} })
        (fault { .append m --meta {a: [1.5 inf]} })
        (fault { .append m --meta {a: {|| 1}} })
        (fault { .append m --meta {a: (0..30000 | each { "12345" } | str join)} })
      ]`),
    ).toEqual([
      '{"z":1,"a":[1,2.5,null,true,{"k":"✓"}],"10":"x","a b":{}}',
      [1, 2],
      "text",
      { took: "1sec 500ms", at: "2024-01-02T03:04:05+00:00", size: 5000, list: ["1sec"] },
      "meta.a.b is binary, which JSON cannot hold; encode it as text, or make it the content",
      "meta.a.1 is inf, and JSON has no such number",
      "meta.a is a closure, which JSON cannot hold",
      expect.stringMatching(/^meta has [0-9]+ bytes, at most 131072 are allowed/),
    ]);
  });
});

test("ttl goes along, and what the server refuses is an error in the server's words", async () => {
  await withNu(async ({ nu }) => {
    const [ttl, kept, code, ...faults] = await nu<unknown[]>(`
      for i in 1..5 { $"($i)" | .append ring --ttl last:2 }
      [
        (.append t --ttl time:60000 | get ttl)
        (.cat -T ring | each { .cas })
        (try { .append 1bad } catch {|error| $error.details.code })
        (fault { .append 1bad })
        (fault { .append "a/b c?d" })
        (fault { .append "" })
        (fault { .append xs.threshold })
        (fault { .append t --ttl soon })
        (fault { ^head -c 1000000 /dev/zero | .append 1bad })
      ]`);
    expect(ttl).toBe("time:60000");
    expect(kept).toEqual(["4", "5"]);
    expect(code).toBe("xs::invalid");
    expect(faults).toEqual([
      '"1bad" is not a topic: it begins with a letter or _ and goes on with letters, digits, _ . and -',
      '"a/b c?d" is not a topic: it begins with a letter or _ and goes on with letters, digits, _ . and -',
      '"" is not a topic: it is empty',
      expect.stringContaining('topic "xs.threshold" belongs to xs'),
      expect.stringContaining('ttl: "soon" is not a time to live'),
      expect.stringContaining('"1bad" is not a topic'),
    ]);
  });
});
