// Nushell: reading a store, and what the options mean there.
import { expect, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { MODULE, NU, withNu } from "../support/nu.ts";

test("cat takes every read option, and gives the frames that HTTP gives", async () => {
  await withNu(async ({ nu, server }) => {
    const ids = await nu<string[]>(`
      [a.x b a.y a a.x b] | enumerate | each {|it| $"($it.index)" | .append $it.item | get id }`);
    const [first = "", second = ""] = ids;
    // Each beside the query that means the same.
    const reads: [string, string][] = [
      [".cat", ""],
      [".cat --limit 2", "limit=2"],
      [".cat --last 2", "last=2"],
      [`.cat --after ${first}`, `after=${first}`],
      [`.cat -a ${first}`, `after=${first}`],
      [`.cat --last-id ${first}`, `after=${first}`],
      [`.cat -l ${first} --limit 1`, `after=${first}&limit=1`],
      [`.cat --from ${second} -T b`, `from=${second}&topic=b`],
      [".cat -T a.*", "topic=a.*"],
      [".cat --topic [a b]", "topic=a,b"],
      [".cat -T a,b", "topic=a,b"],
      ['.cat -T "*"', "topic=*"],
      [".cat --new", "new"],
      [".cat -f --limit 7", "follow&limit=7"],
    ];
    const given = await nu<unknown[][]>(`[${reads.map(([script]) => `(${script} | collect)`).join("\n")}]`);
    for (const [index, [script, query]] of reads.entries()) {
      const response = await fetch(`http://localhost/?${query}`, { unix: `${server.addr}/sock` });
      const lines = (await response.text()).split("\n").filter((line) => line !== "");
      expect({ script, frames: given[index] }).toEqual({ script, frames: lines.map((line) => JSON.parse(line)) });
    }
    expect(await nu(".cat -T [a b] | get topic")).toEqual(["b", "a", "b"]);
  });
});

test("a following read streams: its first frames are there at once, and it ends when nobody reads on", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        "x" | .append t
        {
          first: (.cat -f | first | get topic)
          history: (.cat -f -T t | first 2 | get topic)
          tail: (.cat -t -f -p 20 | first 2 | get topic)
          last: (.last t --follow | first 2 | get topic)
          head: (.head t -f | first 2 | get topic)
          until: (.cat -f | take until {|frame| $frame.topic == xs.threshold } | length)
        }`),
    ).toEqual({
      first: "xs.start",
      history: ["t", "xs.threshold"],
      tail: ["xs.pulse", "xs.pulse"],
      last: ["t", "xs.threshold"],
      head: ["t", "xs.threshold"],
      until: 2,
    });
  });
});

test("a follower sees each frame when it is appended", async () => {
  await withNu(async ({ server, env, dir }) => {
    const script = `use ${MODULE} *; .cat -f --new -T live | each {|frame| print $frame.meta.n }; null`;
    const child = Bun.spawn([NU, "--no-config-file", "--commands", script], {
      cwd: dir,
      env: { ...process.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
    });
    try {
      let printed = "";
      void (async () => {
        const decoder = new TextDecoder();
        for await (const chunk of child.stdout) printed += decoder.decode(chunk, { stream: true });
      })();
      let n = 0;
      const append = async (): Promise<number> => {
        const meta = Buffer.from(JSON.stringify({ n: ++n })).toString("base64");
        const init = { method: "POST", headers: { "xs-meta": meta }, unix: `${server.addr}/sock` };
        expect((await fetch("http://localhost/append/live", init)).status).toBe(200);
        return n;
      };
      // The first that it prints says that it listens; from then on each has to arrive before the next is sent.
      await eventually("the follower listens", async () => (await append()) && printed !== "");
      for (let count = 0; count < 5; count++) {
        const sent = await append();
        await eventually(`frame ${sent}`, () => printed.split("\n").includes(`${sent}`));
      }
    } finally {
      child.kill();
      await child.exited;
    }
  });
});

test("last is a record for one frame, a table for more, and nothing when there is none", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        for i in 1..4 { $"($i)" | .append t.a; $"($i)" | .append t.b }
        {
          all: (.last | get topic)
          one: (.last t.a | .cas)
          explicit: (.last t.a 1 | .cas)
          many: (.last t.a 3 | each { .cas })
          count: (.last 3 | get topic)
          wildcard: (.last t.* 2 | get topic)
          list: (.last t.a,t.b | get topic)
          none: (.last nothing.here)
          none_of_many: (.last nothing.here 2)
          head: (.head t.a | .cas)
          no_head: (.head nothing.here)
          faults: [(fault { .last 0 }) (fault { .last 3 3 }) (fault { .last "a b" }) (fault { .head t.* -f })]
        }`),
    ).toEqual({
      all: "t.b",
      one: "4",
      explicit: "4",
      many: ["2", "3", "4"],
      count: ["t.b", "t.a", "t.b"],
      wildcard: ["t.a", "t.b"],
      list: "t.b",
      none: null,
      none_of_many: [],
      head: "4",
      no_head: null,
      faults: [
        "last: 0 is not a whole number of at least 1",
        "3 is not a topic: it begins with a letter or _",
        expect.stringContaining('topic: "a b" is neither a topic'),
        '"t.*" is not a topic: a head has one topic; .last takes several',
      ],
    });
  });
});

test("with-timestamp gives a datetime, the time in the id, on every command; detail does on cat", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        let frame = "x" | .append t --with-timestamp
        let at = .id unpack $frame.id | get ts_ms | $in * 1_000_000 | into datetime
        [
          $frame (.get $frame.id --with-timestamp) (.last t --with-timestamp) (.head t --with-timestamp)
          (.cat --with-timestamp -T t | first) (.cat --detail -T t | first) (.last t 2 --with-timestamp | first)
          (.cat -f -T t --with-timestamp | first)
        ] | each {|it| ($it.timestamp | describe) == datetime and $it.timestamp == $at }
        | append [(.cat | columns) (.cat --detail | columns)]`),
    ).toEqual([
      ...Array.from({ length: 8 }, () => true),
      ["topic", "id", "hash", "meta", "ttl"],
      ["topic", "id", "hash", "meta", "ttl", "timestamp"],
    ]);
  });
});

test("cas takes a hash or a frame, from the argument or the pipeline", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        let frame = "content" | .append t
        let posted = "posted" | .cas-post
        [
          (.cas $frame) (.cas $frame.hash) ($frame | .cas) ($frame.hash | .cas) (.cat | last | .cas $in.hash)
          (.cas $posted) ("" | .cas-post | .cas)
          (.cat | first | .cas) (.cat | first | .cas $in.hash)
          (fault { .cas 5 })
          (fault { .cas sha256-abc })
          (fault { .cas sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV= })
        ]`),
    ).toEqual([
      ...Array.from({ length: 5 }, () => "content"),
      "posted",
      "",
      null,
      null,
      "cas takes a hash or one frame, as the argument or from the pipeline",
      '"sha256-abc" is not a content hash: sha256- and 44 characters of base64',
      expect.stringContaining("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="),
    ]);
  });
});

test("content above 64 MiB stays a stream, so that saving it costs no memory", async () => {
  await withNu(async ({ nu }) => {
    const { size, kb } = await nu<{ size: number; kb: number }>(`
      let frame = ^head -c 80000000 /dev/zero | .append big
      $frame | .cas | save big.bin
      let kb = open --raw /proc/self/status | lines | parse "VmHWM:{kb} kB" | get 0.kb | str trim | into int
      {size: (ls big.bin | get 0.size | into int), kb: $kb}`);
    expect(size).toBe(80_000_000);
    expect(kb).toBeLessThan(75_000);
  });
});

test("remove takes an id, a frame or many, and one that is gone is no error", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`
        let frames = 1..6 | each {|i| $"($i)" | .append t }
        .remove $frames.0
        .rm $frames.1.id
        $frames.2 | .remove
        $frames.3.id | .rm
        let some = .cat -T t | length
        .cat -T t | .remove
        $frames.0 | .rm
        [$some (.cat -T t | length) (fault { .get $frames.0.id }) (fault { .rm abc }) (fault { .rm 5 })]`),
    ).toEqual([
      2,
      0,
      expect.stringMatching(/^there is no frame [0-9A-Z]{26}$/),
      '"abc" is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR',
      "remove takes an id or a frame, as the argument or from the pipeline",
    ]);
  });
});

test("what the server refuses in a read is an error that names the option", async () => {
  await withNu(async ({ nu }) => {
    expect(
      await nu(`[
        (fault { .cat --after abc })
        (fault { .cat -p 5 })
        (fault { .cat --limit -1 })
        (fault { .cat --new --from (.id) })
        (fault { .cat -T "a b" })
        (fault { .get version })
        (fault { .get (.id unpack 01M8XS5DBWN8W2CJ3F0J9ZPAZR | .id pack) })
      ]`),
    ).toEqual([
      'after: "abc" is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR',
      "pulse: it goes with follow",
      'limit: "-1" is not a whole number of at least 0',
      "new and from do not go together: each says where to start",
      expect.stringContaining('topic: "a b" is neither a topic'),
      '"version" is not an id: an id is a ULID, 26 characters such as 01M8XS5DBWN8W2CJ3F0J9ZPAZR',
      "there is no frame 01M8XS5DBWN8W2CJ3F0J9ZPAZR",
    ]);
  });
});
