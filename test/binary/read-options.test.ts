// The read options in combination: HTTP, the command line and Nushell answer the same frames.
import { expect, test } from "bun:test";
import { SOCKET_OF, nuOf } from "../support/surfaces.ts";
import { lines, ok, withServer } from "../support/xs.ts";

type Frame = { topic: string; id: string };
type Options = Readonly<Record<string, string | true>>;

// In order; the letters name them below.
const TOPICS = ["a", "a.b", "c", "a.b.c", "ab", "a.b", "c.d", "a.b.d", "a", "c"] as const;
const BEFORE_ALL = "00000000000000000000000001";
const BEHIND_ALL = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";

/** Options beside the numbers of the frames that they ask for; `at` is the id of a frame. */
const cases = (at: (index: number) => string): readonly (readonly [Options, readonly number[]])[] => [
  [{ topic: "*" }, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  [{ topic: "a" }, [0, 8]],
  [{ topic: "a.*" }, [1, 3, 5, 7]],
  [{ topic: "a.b.*" }, [3, 7]],
  [{ topic: "a,a.*" }, [0, 1, 3, 5, 7, 8]],
  [{ topic: "a.*,a.b.*,a.b" }, [1, 3, 5, 7]],
  [{ topic: "c.*,a.b.d,a" }, [0, 6, 7, 8]],
  [{ topic: "nothing.*" }, []],
  [{ topic: "nothing,c" }, [2, 9]],
  [{ topic: "a.*", limit: "2" }, [1, 3]],
  [{ topic: "a.*", limit: "0" }, []],
  [{ topic: "a.*", last: "2" }, [5, 7]],
  [{ topic: "a.*", last: "99" }, [1, 3, 5, 7]],
  [{ topic: "a.*,c", last: "3" }, [5, 7, 9]],
  [{ topic: "a.*", last: "3", limit: "2" }, [3, 5]],
  [{ topic: "a.*", after: at(3) }, [5, 7]],
  [{ topic: "a.*", from: at(3) }, [3, 5, 7]],
  [{ topic: "a.*", after: at(2) }, [3, 5, 7]],
  [{ topic: "a.*", from: at(2) }, [3, 5, 7]],
  [{ topic: "a.*", "last-id": at(3) }, [5, 7]],
  [{ topic: "a.*,c", after: at(3), limit: "2" }, [5, 7]],
  [{ topic: "a.*,c", after: at(3), last: "2" }, [7, 9]],
  [{ topic: "a.*", after: at(5), last: "5" }, [7]],
  [{ after: at(7) }, [8, 9]],
  [{ from: at(8) }, [8, 9]],
  [{ after: at(9) }, []],
  [{ after: BEHIND_ALL }, []],
  [{ topic: "c", after: BEFORE_ALL }, [2, 9]],
  [{ topic: "c", from: BEFORE_ALL }, [2, 9]],
  [{ topic: "c", from: BEHIND_ALL }, []],
  [{ last: "2" }, [8, 9]],
  [{ new: true }, []],
];

const flagsOf = (options: Options): string[] =>
  Object.entries(options).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, value]));

const queryOf = (options: Options): string =>
  new URLSearchParams(
    Object.entries(options).map(([name, value]): [string, string] => [name, value === true ? "" : value]),
  ).toString();

test("every surface answers the same frames", async () => {
  await withServer(async ({ addr }) => {
    const frames: Frame[] = [];
    for (const topic of TOPICS) frames.push(JSON.parse(await ok(["append", addr, topic])) as Frame);
    const all = cases((index) => frames[index]?.id ?? "");
    const numbers = (ids: readonly string[]): number[] => ids.map((id) => frames.findIndex((frame) => frame.id === id));
    for (const [options, expected] of all) {
      const http = await (await fetch(`http://x/?${queryOf(options)}`, { unix: SOCKET_OF(addr) })).text();
      const cli = await ok(["cat", addr, ...flagsOf(options)]);
      expect([
        options,
        numbers(
          lines<Frame>(http)
            .filter(({ topic }) => topic !== "xs.start")
            .map(({ id }) => id),
        ),
      ]).toEqual([options, [...expected]]);
      expect([options, cli]).toEqual([options, http.replace(/\n$/, "")]);
    }
    const script = all
      .map(
        ([options]) =>
          `(.cat ${flagsOf(options)
            .map((word) => (/^(--.*|[0-9]+)$/.test(word) && word.length < 26 ? word : `"${word}"`))
            .join(" ")} | get --optional id)`,
      )
      .join(", ");
    const answers = JSON.parse(await nuOf(addr, `[${script}] | to json --raw`)) as (string[] | null)[];
    for (const [index, [options, expected]] of all.entries()) {
      const ids = (answers[index] ?? []).filter((id) => frames.some((frame) => frame.id === id));
      expect([options, numbers(ids)]).toEqual([options, [...expected]]);
    }
  });
}, 120_000);

test("a limit that the history fills ends a follower with exactly that many frames", async () => {
  await withServer(async ({ addr }) => {
    for (const topic of ["t", "t", "t"]) await ok(["append", addr, topic]);
    for (const limit of [1, 2, 3]) {
      const topics = lines<Frame>(await ok(["cat", addr, "-f", "-T", "t", "--limit", String(limit)])).map(
        ({ topic }) => topic,
      );
      expect(topics).toEqual(Array.from({ length: limit }, () => "t"));
    }
  });
});

test("a limit beyond the history goes on over live frames, and the threshold stands between them", async () => {
  await withServer(async ({ addr }) => {
    for (const topic of ["t", "other", "t", "t"]) await ok(["append", addr, topic]);
    const follower = await follow(addr, "follow&topic=t&last=2&limit=4");
    await follower.until(/xs\.threshold/);
    for (const topic of ["other", "t", "t", "t"]) await ok(["append", addr, topic]);
    const topics = lines<Frame>(await follower.rest()).map(({ topic }) => topic);
    expect(topics).toEqual(["t", "t", "xs.threshold", "t", "t"]);
  });
});

test("new gives no history and no threshold; a pulse comes at its interval; live frames pass the filter", async () => {
  await withServer(async ({ addr }) => {
    await ok(["append", addr, "t"]);
    const follower = await follow(addr, "follow=50&new&topic=t,t.*");
    await follower.until(/xs\.pulse.*\n.*xs\.pulse/s);
    for (const topic of ["t", "tt", "t.x"]) await ok(["append", addr, topic]);
    const text = await follower.until(/"t\.x"/);
    const topics = lines<Frame>(text).map(({ topic }) => topic);
    expect(topics.filter((topic) => topic !== "xs.pulse")).toEqual(["t", "t.x"]);
    await follower.leave();
  });
});

test("SSE carries ids of stored frames only, and Last-Event-ID resumes behind one", async () => {
  await withServer(async ({ addr }) => {
    const ids: string[] = [];
    for (const topic of ["t", "t", "t"]) ids.push((JSON.parse(await ok(["append", addr, topic])) as Frame).id);
    const ask = (headers: Record<string, string>, query: string): Promise<string> =>
      fetch(`http://x/?${query}`, { unix: SOCKET_OF(addr), headers: { accept: "text/event-stream", ...headers } }).then(
        (response) => {
          expect(response.headers.get("content-type")).toStartWith("text/event-stream");
          return response.text();
        },
      );
    const events = (await ask({}, "topic=t")).trimEnd().split("\n\n");
    expect(events.map((event) => /^id: (.*)\ndata: \{/.exec(event)?.[1])).toEqual(ids);
    const resumed = await ask({ "last-event-id": ids[1] ?? "" }, "topic=t&new");
    expect(resumed).toStartWith(`id: ${ids[2]}\n`);
  });
});

type Follower = {
  /** Reads until what came matches, and answers all that came. */
  until: (pattern: RegExp) => Promise<string>;
  /** Reads to the end, and answers all that came. */
  rest: () => Promise<string>;
  leave: () => Promise<void>;
};

async function follow(addr: string, query: string): Promise<Follower> {
  const response = await fetch(`http://x/?${query}`, { unix: SOCKET_OF(addr) });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = "";
  const more = async (): Promise<boolean> => {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    return !done;
  };
  return {
    until: async (pattern) => {
      while (!pattern.test(text)) if (!(await more())) throw new Error(`the stream ended before ${pattern}: ${text}`);
      return text;
    },
    rest: async () => {
      while (await more());
      return text;
    },
    leave: () => reader.cancel(),
  };
}
