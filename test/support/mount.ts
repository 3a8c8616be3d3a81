// Small file systems for tests: made, mounted, cut off and mounted again, and always unmounted in the end.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { temporaryDir } from "./store.ts";
import { run } from "./xs.ts";

export type Kind = "ext4" | "xfs" | "tmpfs";

export type Mounted = {
  readonly path: string;
  /** Loses all that is not synced, as a power cut does: the file system fails from here on. */
  readonly cutPower: () => Promise<void>;
  /** Mounts it once more: the journal is replayed. */
  readonly remount: () => Promise<void>;
  /** Mounts it with other options, such as `ro`. */
  readonly reoption: (options: string) => Promise<void>;
};

async function must(command: readonly string[]): Promise<void> {
  const { code, stderr } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
}

/** Runs a test on a new file system of a size such as "64M". What still runs on it when the test ends must have been ended. */
export async function withMount(kind: Kind, size: string, test: (mounted: Mounted) => Promise<void>): Promise<void> {
  const dir = temporaryDir();
  const path = join(dir.path, "mounted");
  const image = join(dir.path, "image");
  mkdirSync(path);
  const mount = (): Promise<void> =>
    kind === "tmpfs"
      ? must(["mount", "-t", "tmpfs", "-o", `size=${size},mode=0755`, "tmpfs", path])
      : must(["mount", "-o", "loop", image, path]);
  // A process that was just ended may hold its files for an instant.
  const unmount = async (): Promise<void> => {
    await eventually(`${path} unmounted`, async () => (await run(["umount", path])).code === 0);
  };
  if (kind !== "tmpfs") {
    await must(["truncate", "-s", size, image]);
    await must(kind === "ext4" ? ["mkfs.ext4", "-q", "-F", image] : ["mkfs.xfs", "-q", "-f", image]);
  }
  await mount();
  try {
    await test({
      path,
      cutPower: () => must(["xfs_io", "-x", "-c", "shutdown", path]),
      remount: async () => {
        await unmount();
        await mount();
      },
      reoption: (options) => must(["mount", "-o", `remount,${options}`, path]),
    });
  } finally {
    await unmount();
    dir.remove();
  }
}
