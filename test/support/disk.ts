// What a power cut may leave of a store: built from the journal that the shim keeps of every change to its files.
//
// The model: what was synced is there. Of all other writes each sector of 512 bytes holds any version that it ever had since
// the last sync of its file. Of the changes to names that no sync of a directory covers, any number is there, in order.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const SECTOR_BYTES = 512;
const HEAD_BYTES = 40;

type Write = { readonly kind: "write"; readonly offset: number; readonly data: Buffer };
type Truncate = { readonly kind: "truncate"; readonly size: number };
type Inode = { durable: Buffer; size: number; pending: (Write | Truncate)[] };
type Named =
  | { readonly kind: "link"; readonly path: string; readonly inode: Inode }
  | { readonly kind: "mkdir"; readonly path: string }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "rename"; readonly path: string; readonly to: string };

/** How the writes that no sync covers are treated. */
export type Loss = "all" | "none" | "some writes" | "torn sectors";
export const LOSSES: readonly Loss[] = ["all", "some writes", "torn sectors", "none"];

/** A disk on which the changes of a journal are made one by one. */
export class Disk {
  readonly #root: string;
  readonly #journal: Buffer;
  #at = 0;
  // Names as the running system sees them, and as they are on the disk for sure.
  readonly #seen = new Map<string, Inode | null>();
  readonly #durable = new Map<string, Inode | null>();
  #names: Named[] = [];
  readonly #inodes = new Map<bigint, Inode>();

  constructor(root: string, journalPath: string) {
    this.#root = root;
    this.#journal = readFileSync(journalPath);
    this.#seen.set(root, null);
    this.#durable.set(root, null);
  }

  /** How many bytes the journal has. */
  get length(): number {
    return this.#journal.length;
  }

  /** Makes the changes up to a byte of the journal. */
  advance(position: number): void {
    const journal = this.#journal;
    while (this.#at < journal.length) {
      const at = this.#at;
      const [op, pathLength, otherLength] = [0, 4, 8].map((offset) => journal.readUInt32LE(at + offset)) as [
        number,
        number,
        number,
      ];
      const [ino, offset, size] = [16, 24, 32].map((field) => journal.readBigUInt64LE(at + field)) as [
        bigint,
        bigint,
        bigint,
      ];
      const [pathAt, otherAt] = [at + HEAD_BYTES, at + HEAD_BYTES + pathLength];
      const dataAt = otherAt + otherLength;
      const end = dataAt + Number(size);
      if (end > position) return;
      const path = journal.toString("utf8", pathAt, otherAt);
      const other = journal.toString("utf8", otherAt, dataAt);
      this.#apply(op, path, other, ino, Number(offset), journal.subarray(dataAt, end));
      this.#at = end;
    }
  }

  #apply(op: number, path: string, other: string, ino: bigint, offset: number, data: Buffer): void {
    switch (op) {
      case 1:
        return this.#open(path, ino);
      case 2:
        return void this.#inodes.get(ino)?.pending.push({ kind: "write", offset, data });
      case 3:
        return void this.#inodes.get(ino)?.pending.push({ kind: "truncate", size: offset });
      case 4:
        return this.#sync(path, ino);
      case 5:
        return this.#rename(path, other);
      case 6:
        return this.#unlink(path);
      case 7:
        return this.#mkdir(path);
      default:
        throw new Error(`the journal has an operation ${op}`);
    }
  }

  #open(path: string, ino: bigint): void {
    const known = this.#seen.get(path);
    if (known) {
      this.#inodes.set(ino, known);
      return;
    }
    const inode: Inode = { durable: Buffer.alloc(0), size: 0, pending: [] };
    this.#inodes.set(ino, inode);
    this.#seen.set(path, inode);
    this.#names.push({ kind: "link", path, inode });
  }

  #sync(path: string, ino: bigint): void {
    if (this.#seen.get(path) === null) return this.#syncNames(path);
    const inode = this.#inodes.get(ino);
    if (inode === undefined) return;
    for (const change of inode.pending) apply(inode, change);
    inode.pending = [];
  }

  // A change of names is on the disk when its directory is synced; those before it in the same directory with it.
  #syncNames(dir: string): void {
    const left: Named[] = [];
    for (const named of this.#names) {
      if (dirname(named.path) === dir || (named.kind === "rename" && dirname(named.to) === dir))
        applyName(this.#durable, named);
      else left.push(named);
    }
    this.#names = left;
  }

  #rename(path: string, to: string): void {
    if (!this.#seen.has(path)) return;
    const named: Named = { kind: "rename", path, to };
    // A file without a durable name of its own gets it with the name that it is given.
    const created = this.#names.find((one) => one.kind === "link" && one.path === path);
    if (created?.kind === "link") {
      this.#names = this.#names.filter((one) => one !== created);
      this.#names.push({ kind: "link", path: to, inode: created.inode });
    } else {
      this.#names.push(named);
    }
    applyName(this.#seen, named);
  }

  #unlink(path: string): void {
    if (!this.#seen.has(path)) return;
    applyName(this.#seen, { kind: "unlink", path });
    this.#names.push({ kind: "unlink", path });
  }

  #mkdir(path: string): void {
    if (this.#seen.has(path)) return;
    applyName(this.#seen, { kind: "mkdir", path });
    this.#names.push({ kind: "mkdir", path });
  }

  /** Writes what a power cut now may leave to a directory. */
  writeImage(dir: string, loss: Loss, random: () => number): void {
    const names = new Map(this.#durable);
    const count = loss === "all" ? 0 : loss === "none" ? this.#names.length : pick(this.#names.length + 1, random);
    for (const named of this.#names.slice(0, count)) applyName(names, named);
    for (const [path, inode] of names) {
      // A directory that is not there takes what is in it with it.
      if (!isReachable(path, this.#root, names)) continue;
      const target = join(dir, relative(this.#root, path));
      if (inode === null) mkdirSync(target, { recursive: true });
    }
    for (const [path, inode] of names) {
      if (inode === null || !isReachable(path, this.#root, names)) continue;
      writeFileSync(join(dir, relative(this.#root, path)), contentOf(inode, loss, random));
    }
  }
}

const pick = (count: number, random: () => number): number => Math.floor(random() * count);

function isReachable(path: string, root: string, names: ReadonlyMap<string, Inode | null>): boolean {
  for (let dir = dirname(path); dir.length >= root.length; dir = dirname(dir))
    if (names.get(dir) !== null) return false;
  return true;
}

function applyName(names: Map<string, Inode | null>, named: Named): void {
  switch (named.kind) {
    case "link":
      return void names.set(named.path, named.inode);
    case "mkdir":
      return void names.set(named.path, null);
    case "unlink":
      return void names.delete(named.path);
    case "rename": {
      const inode = names.get(named.path);
      if (inode === undefined) return;
      names.delete(named.path);
      names.set(named.to, inode);
    }
  }
}

function reserve(inode: Inode, size: number): void {
  if (size <= inode.durable.length) return;
  const grown = Buffer.alloc(Math.max(size, inode.durable.length * 2));
  inode.durable.copy(grown, 0, 0, inode.size);
  inode.durable = grown;
}

function apply(inode: Inode, change: Write | Truncate): void {
  if (change.kind === "truncate") {
    reserve(inode, change.size);
    inode.durable.fill(0, Math.min(change.size, inode.size), Math.max(change.size, inode.size));
    inode.size = change.size;
    return;
  }
  const end = change.offset + change.data.length;
  reserve(inode, end);
  change.data.copy(inode.durable, change.offset);
  inode.size = Math.max(inode.size, end);
}

function contentOf(inode: Inode, loss: Loss, random: () => number): Buffer {
  const image: Inode = { durable: Buffer.from(inode.durable.subarray(0, inode.size)), size: inode.size, pending: [] };
  const { pending } = inode;
  // For each sector, how many of the changes have reached it.
  const reached = new Map<number, number>();
  const reachedBy = (sector: number): number => {
    let count = reached.get(sector);
    if (count === undefined) {
      const chance = random();
      count = chance < 0.3 ? 0 : chance < 0.6 ? pending.length : pick(pending.length + 1, random);
      reached.set(sector, count);
    }
    return count;
  };
  for (const [n, change] of loss === "all" ? [] : pending.entries()) {
    if (loss === "none" || change.kind === "truncate") {
      if (loss === "none" || random() < 0.5) apply(image, change);
    } else if (loss === "some writes") {
      if (random() < 0.5) apply(image, change);
    } else {
      const end = change.offset + change.data.length;
      for (let at = change.offset; at < end;) {
        const sector = Math.floor(at / SECTOR_BYTES);
        const next = Math.min(end, (sector + 1) * SECTOR_BYTES);
        if (n < reachedBy(sector)) {
          apply(image, {
            kind: "write",
            offset: at,
            data: change.data.subarray(at - change.offset, next - change.offset),
          });
        }
        at = next;
      }
    }
  }
  return image.durable.subarray(0, image.size);
}
