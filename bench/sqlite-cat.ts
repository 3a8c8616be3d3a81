// The peer of `xs cat`: SQLite alone writes every line of a store to stdout, in pages as large as serve them best.
import { writeSync } from "node:fs";
import { openDatabaseReadOnly } from "../src/store/schema.ts";

const PAGE_FRAMES = 1_024;

const db = openDatabaseReadOnly(Bun.argv[2] ?? "");
const page = db.prepare<{ bytes: Uint8Array | null; last: number }, [number]>(
  `SELECT CAST(group_concat(line, char(10)) || char(10) AS BLOB) AS bytes, max(pos) AS last
   FROM (SELECT pos, line FROM frame WHERE pos > ? ORDER BY pos LIMIT ${PAGE_FRAMES})`,
);
let at = Number.MIN_SAFE_INTEGER;
for (let row = page.get(at); row?.bytes; row = page.get(at)) {
  for (let written = 0; written < row.bytes.length;) written += writeSync(1, row.bytes, written);
  at = row.last;
}
