// Many writers and followers at once: every follower sees every frame once, in order of id.
import { expect, test } from "bun:test";
import { SOCKET_OF } from "../support/surfaces.ts";
import { lines, ok, withServer } from "../support/xs.ts";

const WRITERS = 8;
const APPENDS = 2_000;
const STALL_MS = 5_000;

type Frame = { topic: string; id: string };

test("8 writers with 2,000 appends each reach 4 followers, one late and one that stops reading for 5 s", async () => {
  await withServer(
    async ({ addr }) => {
      const unix = SOCKET_OF(addr);
      const total = WRITERS * APPENDS;
      let appended = 0;
      const followers = [follow(unix, total), follow(unix, total), follow(unix, total, STALL_MS)];
      const writers = Array.from({ length: WRITERS }, async (_, writer) => {
        for (let n = 0; n < APPENDS; n++) {
          const response = await fetch(`http://x/append/w.${writer}`, { method: "POST", unix });
          if (!response.ok) throw new Error(await response.text());
          await response.arrayBuffer();
          if (++appended === total / 2) followers.push(follow(unix, total));
        }
      });
      await Promise.all(writers);
      const stored = lines<Frame>(await ok(["cat", addr, "-T", "w.*"])).map(({ id }) => id);
      expect(stored).toHaveLength(total);
      expect(stored).toEqual(stored.toSorted());
      expect(followers).toHaveLength(4);
      for (const follower of followers) expect(await follower).toEqual(stored);
    },
    ["--quiet"],
  );
}, 180_000);

// Follows until `count` frames have come; with `stallMs`, reads nothing for that long after the first.
async function follow(unix: string, count: number, stallMs = 0): Promise<string[]> {
  const response = await fetch(`http://x/?follow&topic=w.*&limit=${count}`, { unix });
  let text = "";
  const decoder = new TextDecoder();
  let stall = stallMs;
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (stall > 0) await Bun.sleep(stall);
    stall = 0;
  }
  return lines<Frame>(text)
    .filter(({ topic }) => topic !== "xs.threshold")
    .map(({ id }) => id);
}
