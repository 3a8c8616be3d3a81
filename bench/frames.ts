// Frames for stores of a given size: ULIDs in order that end an hour ago, a topic each, a little meta.
import { type Frame, formatFrame } from "../src/frame/frame.ts";
import { type Id, packId } from "../src/frame/id.ts";
import { metaOf } from "../src/frame/meta.ts";
import { parseTopic } from "../src/frame/topic.ts";
import { FOREVER } from "../src/frame/ttl.ts";

// So many frames share a millisecond: a store fills at some hundred thousand a second.
const FRAMES_PER_MS = 4;
const HOUR_MS = 60 * 60 * 1000;
const CHUNK_FRAMES = 4_096;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Frame n of a store that has `count` of them. */
export function frameAt(n: number, count: number, topic: string, nowMs: number): Frame {
  const timeMs = Math.floor(nowMs - HOUR_MS - (count - n) / FRAMES_PER_MS);
  return { topic: parseTopic(topic), id: idAt(timeMs, n), hash: null, meta: metaOf({ n }), ttl: FOREVER };
}

function idAt(timeMs: number, n: number): Id {
  let random = "";
  for (let rest = n; random.length < 8; rest = Math.floor(rest / 32)) random = `${CROCKFORD[rest % 32]}${random}`;
  return packId(timeMs, `${random}BENCHXSX`);
}

/** So many frames as NDJSON, made as they are read. */
export function newFrames(count: number, topicOf: (n: number) => string): ReadableStream<Uint8Array> {
  const nowMs = Date.now();
  let n = 0;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (n >= count) return controller.close();
      const lines: string[] = [];
      for (const end = Math.min(count, n + CHUNK_FRAMES); n < end; n++) {
        lines.push(formatFrame(frameAt(n, count, topicOf(n), nowMs)));
      }
      controller.enqueue(Buffer.from(`${lines.join("\n")}\n`));
    },
  });
}
