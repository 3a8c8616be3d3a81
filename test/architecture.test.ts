// The house as data: which room may import which, and where each technology lives. This test is the rule.
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join, normalize } from "node:path";

const SRC = join(import.meta.dir, "../src");
const MAX_LINES = 300;

/** Each room, and the rooms below it that it may import. Its own files it always may. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "error.ts": [],
  frame: ["error.ts"],
  store: ["error.ts", "frame"],
  http: ["error.ts", "frame", "store"],
  transfer: ["error.ts", "frame", "http", "store"],
  "server.ts": ["error.ts", "frame", "store", "http"],
  cli: ["error.ts", "frame", "http", "transfer", "server.ts", "store"],
  "main.ts": ["error.ts", "cli"],
};

/** Packages and runtime modules, and the only places that may use them. A place is a room or a file. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "bun:sqlite": ["store"],
  "bun:ffi": ["cli/c-library.ts"],
  hono: ["http"],
  ulid: ["frame/id.ts"],
  citty: ["cli", "main.ts"],
};

/** Rules inside and between rooms, each with its reason. */
const FORBIDDEN: readonly { readonly from: RegExp; readonly to: RegExp; readonly why: string }[] = [
  {
    from: /^http\/(?!(routes|batch|import|listen|.*-routes)\.ts)/,
    to: /^store\//,
    why: "of the wire, only the routes know the store",
  },
  { from: /^http\/client\.ts$/, to: /^http\/.*routes\.ts$/, why: "both ends meet on the wire alone" },
  { from: /^http\/.*routes\.ts$/, to: /^http\/client\.ts$/, why: "both ends meet on the wire alone" },
  {
    from: /^transfer\//,
    to: /^http\/.*routes\.ts$/,
    why: "a transfer works over clients, so that it works from afar too",
  },
  { from: /^cli\/(?!serve\.ts)/, to: /^server\.ts$/, why: "only serve starts a server; the others must not load it" },
];

// An import or re-export, types included, or a lazy import.
const STATEMENT = /^(?:import|export)\s(?:[^"';]*?\sfrom\s)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;

type Import = { readonly file: string; readonly target: string; readonly isLocal: boolean };

async function files(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const file of new Glob("**/*.ts").scan(SRC)) found.set(file, await Bun.file(join(SRC, file)).text());
  return found;
}

async function imports(): Promise<Import[]> {
  const found: Import[] = [];
  for (const [file, text] of await files()) {
    for (const match of text.matchAll(STATEMENT)) {
      const target = match[1] ?? match[2] ?? "";
      const isLocal = target.startsWith(".");
      found.push({ file, target: isLocal ? normalize(join(file, "..", target)) : target, isLocal });
    }
  }
  return found;
}

const roomOf = (file: string): string => file.split("/")[0] ?? "";

test("a room imports only rooms below it", async () => {
  const all = await imports();
  expect(all.length).toBeGreaterThan(50);
  const upward = all
    .filter(({ isLocal, target }) => isLocal && !target.startsWith(".."))
    .filter(({ file, target }) => roomOf(file) !== roomOf(target) && !ROOMS[roomOf(file)]?.includes(roomOf(target)))
    .map(({ file, target }) => `${file} imports ${target}`);
  expect(upward).toEqual([]);
});

test("every file is in a room of the house", async () => {
  const homeless = [...(await files()).keys()].filter((file) => !(roomOf(file) in ROOMS));
  expect(homeless).toEqual([]);
});

test("a package does not leave its room", async () => {
  const strays = (await imports())
    .filter(({ isLocal }) => !isLocal)
    .filter(({ file, target }) => {
      const name = target.startsWith("@") ? target.split("/").slice(0, 2).join("/") : (target.split("/")[0] ?? "");
      const homes = PACKAGES[name];
      if (homes === undefined) return !/^(node:|bun$)/.test(target);
      return !homes.some((home) => file === home || roomOf(file) === home);
    })
    .map(({ file, target }) => `${file} uses ${target}`);
  expect(strays).toEqual([]);
});

test("Bun.serve stays in http, and child processes and workers where they are declared", async () => {
  const homes: readonly (readonly [RegExp, RegExp])[] = [
    [/\bBun\.serve\(/, /^http\/listen\.ts$/],
    [/\bBun\.spawn\(/, /^(script|store)\//],
    [/\bnew Worker\(/, /^(script|store)\//],
  ];
  const strays = [...(await files())].flatMap(([file, text]) =>
    homes.filter(([use, home]) => use.test(text) && !home.test(file)).map(([use]) => `${file} uses ${use.source}`),
  );
  expect(strays).toEqual([]);
});

test("the rules between files hold", async () => {
  const broken = (await imports()).flatMap(({ file, target, isLocal }) =>
    FORBIDDEN.filter(({ from, to }) => isLocal && from.test(file) && to.test(target)).map(
      ({ why }) => `${file} imports ${target}: ${why}`,
    ),
  );
  expect(broken).toEqual([]);
});

test("imports make no circle", async () => {
  const edges = new Map<string, string[]>();
  for (const { file, target, isLocal } of await imports()) {
    if (isLocal) edges.set(file, [...(edges.get(file) ?? []), target]);
  }
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (done.has(file) || path.includes(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  expect(circles).toEqual([]);
});

test("no file is longer than 300 lines, and each opens with a sentence that says what lives there", async () => {
  const all = await files();
  const long = [...all].filter(([, text]) => text.split("\n").length > MAX_LINES + 1).map(([file]) => file);
  expect(long).toEqual([]);
  const silent = [...all].filter(([, text]) => !/^(#!.*\n)?\/\/ \S/.test(text)).map(([file]) => file);
  expect(silent).toEqual([]);
});
