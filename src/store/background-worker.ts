// The worker behind store/background.ts: one task on a read-only connection, then its answer.
import { XsError } from "../error.ts";
import type { Answer, Request } from "./background.ts";
import { countDatabase } from "./counts.ts";
import { readFault } from "./fault.ts";
import { openDatabaseReadOnly } from "./schema.ts";

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<Request>) => {
  postMessage(answer(data));
};

function answer({ dir, task }: Request): Answer {
  try {
    const db = openDatabaseReadOnly(dir);
    try {
      if (task.kind === "count") return { kind: "done", counts: countDatabase(db, task.top) };
      // Whoever reads the copy brings it to a disk; syncing it here would hold up the commits of the server.
      db.run("PRAGMA synchronous = OFF");
      db.prepare("VACUUM INTO ?").run(task.path);
      return { kind: "done", counts: null };
    } finally {
      db.close();
    }
  } catch (error) {
    const told = readFault(error);
    return { kind: "failed", code: told instanceof XsError ? told.code : "internal", message: (told as Error).message };
  }
}
