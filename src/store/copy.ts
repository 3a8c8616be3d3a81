// A copy of the database for a backup: made beside the server, readable once, gone however its reader ends.
import { constants, unlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { copyDatabase } from "./background.ts";
import { temporaryDir } from "./cas-layout.ts";

// What one read of the copy holds in memory.
const READ_BYTES = 256 * 1024;

/** A copy. Until `close` nothing that it refers to is collected. */
export type Copy = {
  /** In bytes. */
  readonly size: number;
  readonly read: () => AsyncGenerator<Uint8Array>;
  readonly close: () => Promise<void>;
};

let copies = 0;

/** Makes a copy of a store's database; `unpin` is called when it is closed, or when it cannot be made. */
export async function copyStore(dir: string, unpin: () => void): Promise<Copy> {
  // Beside the uploads, where a start of the server sweeps up what a crash has left.
  const path = join(temporaryDir(dir), `copy-${++copies}`);
  try {
    await copyDatabase(dir, path).catch((error: unknown) => {
      removeQuietly(path);
      throw error;
    });
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    // Without a name it lives as long as this process holds it, and no longer.
    unlinkSync(path);
    const { size } = await file.stat();
    const read = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < size;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, at);
        if (bytesRead === 0) return;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    };
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      unpin();
      await file.close();
    };
    return { size, read, close };
  } catch (error) {
    unpin();
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or the disk has failed: the error to tell is the first one.
  }
}
