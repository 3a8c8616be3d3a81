// Topics: names in a hierarchy of dots; and topic filters: which of them a reader wants.
import { invalid, quote, XsError } from "../error.ts";

declare const topicBrand: unique symbol;

/** A name such as `game.move`: checked, at most 255 bytes. */
export type Topic = string & { readonly [topicBrand]: true };

// Within 255 bytes a topic stays one path segment and one file name, should anyone need that.
const TOPIC_BYTES_MAX = 255;
const TOPIC_PATTERN = /^[A-Za-z_][A-Za-z0-9_.-]*$/;
// A list of this many patterns is a mistake, and each costs the store one merged scan.
const PATTERNS_MAX = 100;

/** Reads a topic; throws `invalid` with the rule that it breaks. */
export function parseTopic(text: string): Topic {
  const fault = topicFault(text);
  if (fault) throw invalid(`${quote(text)} is not a topic: ${fault}`);
  return text as Topic;
}

function topicFault(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.length > TOPIC_BYTES_MAX) return `it has ${text.length} characters, at most ${TOPIC_BYTES_MAX} are allowed`;
  if (!TOPIC_PATTERN.test(text)) return "it begins with a letter or _ and goes on with letters, digits, _ . and -";
  if (text.endsWith(".")) return "it ends with a dot";
  if (text.includes("..")) return "it has an empty level (two dots together)";
  return undefined;
}

/** The levels above a topic, nearest last: `a.b.c` has `a` and `a.b`. */
export function ancestorsOf(topic: Topic): string[] {
  const ancestors: string[] = [];
  for (let dot = topic.indexOf("."); dot !== -1; dot = topic.indexOf(".", dot + 1)) {
    ancestors.push(topic.slice(0, dot));
  }
  return ancestors;
}

/** How many levels a topic has, each of which it is listed under: `a.b.c` has 3. */
export function levelsOf(topic: Topic): number {
  let levels = 1;
  for (let dot = topic.indexOf("."); dot !== -1; dot = topic.indexOf(".", dot + 1)) levels++;
  return levels;
}

/** One element of a filter: a topic itself, or all that lies below one (`a.*`). */
export type TopicPattern = { readonly kind: "exact" | "below"; readonly topic: Topic };

/** Every topic (`"all"`), or any of these patterns, no two of which are equal. */
export type TopicFilter = "all" | readonly TopicPattern[];

/** Reads `a`, `a.*`, `*` or a comma list of these (empty elements are ignored); throws `invalid`. */
export function parseTopicFilter(text: string): TopicFilter {
  const elements = text.split(",").map((element) => element.trim());
  const named = [...new Set(elements.filter((element) => element !== ""))];
  if (named.length === 0) throw invalid(`topic: ${quote(text)} names no topic`);
  if (named.length > PATTERNS_MAX)
    throw invalid(`topic: ${named.length} patterns, at most ${PATTERNS_MAX} are allowed`);
  const patterns = named.filter((element) => element !== "*").map(parsePattern);
  return patterns.length < named.length ? "all" : patterns;
}

function parsePattern(element: string): TopicPattern {
  const below = element.endsWith(".*");
  const name = below ? element.slice(0, -2) : element;
  const fault = topicFault(name);
  if (fault) {
    throw invalid(`topic: ${quote(element)} is neither a topic, nor a topic and .*, nor *: ${fault}`);
  }
  return { kind: below ? "below" : "exact", topic: name as Topic };
}

/** The text that `parseTopicFilter` reads back as this filter. */
export function formatTopicFilter(filter: TopicFilter): string {
  if (filter === "all") return "*";
  return filter.map(({ kind, topic }) => (kind === "below" ? `${topic}.*` : topic)).join(",");
}

/** Whether a reader with this filter wants this topic. */
export function matches(filter: TopicFilter, topic: Topic): boolean {
  if (filter === "all") return true;
  return filter.some((pattern) =>
    pattern.kind === "exact" ? topic === pattern.topic : topic.startsWith(`${pattern.topic}.`),
  );
}

const CLIENT_SYSTEM_TOPIC = /^xs\.(module\.[^.].*|(actor|service|action)\.[^.].*\.(create|term))$/;
const SYNTHETIC_TOPICS: ReadonlySet<string> = new Set(["xs.threshold", "xs.pulse"]);

/** Whether the topic lies under `xs`, which belongs to the system. */
export const isSystemTopic = (topic: Topic): boolean => topic === "xs" || topic.startsWith("xs.");

/** Throws `forbidden` for a system topic that is not a client's to append: only modules and `create`/`term` of processors are. */
export function checkClientMayAppend(topic: Topic): void {
  if (!isSystemTopic(topic) || CLIENT_SYSTEM_TOPIC.test(topic)) return;
  throw new XsError(
    "forbidden",
    `topic ${quote(topic)} belongs to xs; of the topics under xs. a client may append only xs.module.<name> and ` +
      "xs.actor|service|action.<name>.create|term",
  );
}

/** Throws `forbidden` for a marker that is never stored, so that no import can fake one. */
export function checkMayBeStored(topic: Topic): void {
  if (!SYNTHETIC_TOPICS.has(topic)) return;
  throw new XsError("forbidden", `topic ${quote(topic)} is a marker in a read and is never stored`);
}
