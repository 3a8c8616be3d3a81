// Every path of the API: the pattern that the server matches beside the path that the client asks for.
import type { Hash } from "../frame/hash.ts";
import type { Id } from "../frame/id.ts";

/** Patterns in the router's language; a parameter that may hold slashes takes the rest of the path. */
export const PATTERNS = {
  read: "/",
  append: "/append/:topic{.*}",
  batch: "/append",
  frame: "/:id",
  head: "/head/:topic{.*}",
  last: "/last",
  lastOf: "/last/:topics{.*}",
  cas: "/cas",
  content: "/cas/:hash{.+}",
  import: "/import",
  topics: "/topics",
  version: "/version",
  health: "/health",
  stat: "/stat",
  metrics: "/metrics",
  gc: "/gc",
  backup: "/backup",
} as const;

export const paths = {
  read: (): string => "/",
  append: (topic: string): string => `/append/${encodeURIComponent(topic)}`,
  batch: (): string => "/append",
  frame: (id: Id): string => `/${id}`,
  head: (topic: string): string => `/head/${encodeURIComponent(topic)}`,
  last: (topics: string | undefined): string =>
    topics === undefined ? "/last" : `/last/${encodeURIComponent(topics)}`,
  cas: (): string => "/cas",
  // Base64 has + and /: both may stand in a path as they are.
  content: (hash: Hash): string => `/cas/${hash}`,
  import: (): string => "/import",
  topics: (): string => "/topics",
  version: (): string => "/version",
  stat: (top: number | undefined): string => (top === undefined ? "/stat" : `/stat?top=${top}`),
  gc: (isDry: boolean): string => (isDry ? "/gc?dry-run" : "/gc"),
  backup: (): string => "/backup?hold",
} as const;

const METHODS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^\/$/, ["GET"]],
  [/^\/(version|topics|health|stat|metrics|backup|last|last\/.*|head\/.*|cas\/.+)$/, ["GET"]],
  [/^\/(append|append\/.*|cas|import|gc)$/, ["POST"]],
  [/^\/[0-9A-Za-z]{26}$/, ["GET", "DELETE"]],
];

/** The methods that a path takes; none for a path that is not ours. GET includes HEAD. */
export const methodsOf = (path: string): readonly string[] =>
  METHODS.find(([pattern]) => pattern.test(path))?.[1] ?? [];
