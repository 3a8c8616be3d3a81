// The names of topics, from the table of paths.
import type { Database } from "bun:sqlite";

// Paths looked at for one answer. A path stays when its last frame has gone, so that an answer could otherwise cost more
// than what it holds.
const PATHS_SEEN_MAX = 20_000;
// Sorts after every character of a topic.
const LAST = "\x7f";

const LIST = `
  SELECT name FROM (SELECT path_id, name FROM path WHERE name >= ? AND name < ? ORDER BY name LIMIT ?) AS near
  WHERE name NOT LIKE '%*' AND EXISTS (SELECT 1 FROM path_frame WHERE path_frame.path_id = near.path_id)
  ORDER BY name LIMIT ?`;

/** At most `limit` topics that have frames and begin with the prefix, in order of their names. */
export function listTopics(db: Database, prefix: string, limit: number): string[] {
  const query = db.query<{ name: string }, [string, string, number, number]>(LIST);
  return query.all(prefix, `${prefix}${LAST}`, PATHS_SEEN_MAX, limit).map(({ name }) => name);
}
