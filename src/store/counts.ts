// Counts: how much is in a store, by topic and in all, read from the indexes as far as they go.
import type { Database } from "bun:sqlite";

export type TopicCounts = { readonly topic: string; readonly frames: number; readonly bytes: number };

/** What is in a store at one moment. Bytes of a topic are those of its frames and of their content. */
export type Counts = {
  readonly frames: number;
  readonly frame_bytes: number;
  readonly topics: number;
  /** The topics with the most frames, most first. */
  readonly top: readonly TopicCounts[];
  readonly content: {
    readonly count: number;
    readonly bytes: number;
    /** Of these, small content in the database. */
    readonly inline: { readonly count: number; readonly bytes: number };
    /** Of these, large content in files. */
    readonly files: { readonly count: number; readonly bytes: number };
  };
};

/** Counts in one read transaction. Memory grows with `top` alone, however many topics there are. */
export function countDatabase(db: Database, top: number): Counts {
  db.run("BEGIN");
  try {
    const topics = new Top(top);
    const next = db.prepare<{ path_id: number; name: string }, [number]>(
      "SELECT path_id, name FROM path WHERE path_id > ? ORDER BY path_id LIMIT 1000",
    );
    const count = db.prepare<{ frames: number; bytes: number; contentBytes: number }, [number]>(
      `SELECT count(*) AS frames, coalesce(sum(octet_length(line)), 0) AS bytes, coalesce(sum(size), 0) AS contentBytes
       FROM path_frame AS p CROSS JOIN frame AS f ON f.pos = p.pos LEFT JOIN content AS c ON c.content_id = f.content_id
       WHERE p.path_id = ?`,
    );
    let [frames, frameBytes, topicCount] = [0, 0, 0];
    for (let rows = next.all(0); rows.length > 0; rows = next.all(rows.at(-1)?.path_id ?? 0)) {
      for (const { path_id: pathId, name } of rows) {
        if (name.endsWith(".*")) continue;
        const row = count.get(pathId);
        if (row === null || row.frames === 0) continue;
        topicCount++;
        frames += row.frames;
        frameBytes += row.bytes;
        topics.offer({ topic: name, frames: row.frames, bytes: row.bytes + row.contentBytes });
      }
    }
    return { frames, frame_bytes: frameBytes, topics: topicCount, top: topics.sorted(), content: countContent(db) };
  } finally {
    db.run("ROLLBACK");
  }
}

function countContent(db: Database): Counts["content"] {
  const rows = db
    .query<{ isFile: number; count: number; bytes: number }, []>(
      "SELECT data IS NULL AS isFile, count(*) AS count, coalesce(sum(size), 0) AS bytes FROM content GROUP BY isFile",
    )
    .all();
  const of = (isFile: number): { count: number; bytes: number } => {
    const { count = 0, bytes = 0 } = rows.find((row) => row.isFile === isFile) ?? {};
    return { count, bytes };
  };
  const [inline, files] = [of(0), of(1)];
  return { count: inline.count + files.count, bytes: inline.bytes + files.bytes, inline, files };
}

/** The largest of many, kept without keeping all. */
class Top {
  readonly #size: number;
  #kept: TopicCounts[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  offer(counts: TopicCounts): void {
    this.#kept.push(counts);
    // Sorting now and then, not at each offer, keeps this near linear.
    if (this.#kept.length > this.#size * 2 + 100) this.#kept = this.sorted();
  }

  sorted(): TopicCounts[] {
    return this.#kept.toSorted((a, b) => b.frames - a.frames || (a.topic < b.topic ? -1 : 1)).slice(0, this.#size);
  }
}
