// A draft as JSON: what a client appends in a batch, where no path and no header can say it.
import { invalid, XsError } from "../error.ts";
import type { FrameDraft } from "./frame.ts";
import { type Hash, parseHash } from "./hash.ts";
import { checkKeys, type Members, membersOf, stringOf } from "./members.ts";
import { parseMeta, wholeMeta } from "./meta.ts";
import { checkClientMayAppend, parseTopic, type Topic } from "./topic.ts";
import { FOREVER, parseTtl } from "./ttl.ts";

/** A frame to be appended; `content` is text to store with it, `hash` names content that is stored already. */
export type DraftLine = { readonly draft: FrameDraft; readonly content: string | null; readonly hash: Hash | null };

// So much is stored beside its frame and commits with it (store/cas.ts); more would be a file that a refusal leaves behind.
const CONTENT_BYTES_MAX = 64 * 1024;
// The form that most programs write; one match spares the general scan.
const PLAIN = /^\{"topic":"([^"\\]+)"(?:,"meta":(.*?))?(?:,"ttl":"([^"\\]+)")?\}$/s;
const KEYS: ReadonlySet<string> = new Set(["topic", "meta", "ttl", "content", "hash"]);

/**
 * Reads a draft from JSON text: `topic`, and if need be `meta`, `ttl`, and one of `content` (a string) and `hash`, in any
 * order. Throws `invalid`, `too_large`, or `forbidden` for a topic of the system.
 */
export function parseDraft(json: string): DraftLine {
  return plainDraft(json) ?? draftOf(membersOf(json));
}

function plainDraft(json: string): DraftLine | null {
  const plain = PLAIN.exec(json);
  if (!plain) return null;
  const [, topic = "", metaText = "null", ttl] = plain;
  // What stands where a plain draft has its meta may hold other members: then the general scan decides.
  const meta = wholeMeta(metaText);
  if (meta === undefined) return null;
  const draft = { topic: topicOf(topic), meta, ttl: ttl === undefined ? FOREVER : parseTtl(ttl) };
  return { draft, content: null, hash: null };
}

function draftOf(members: Members): DraftLine {
  if (members.has("id")) throw invalid("the server gives the id; frames that have one are imported (POST /import)");
  checkKeys(members, KEYS, "its keys here are topic, meta, ttl, and content or hash");
  const [topic, ttl, hash, content] = ["topic", "ttl", "hash", "content"].map((key) => stringOf(members, key));
  if (topic == null) throw invalid("the frame has no topic");
  if (hash != null && content != null) throw invalid("the frame has both content and hash: one of them says it");
  // A lone surrogate has no form in UTF-8: it would be stored as another text.
  if (content?.isWellFormed() === false) throw invalid("the content is not Unicode text; store it first (POST /cas)");
  if (content != null && Buffer.byteLength(content) > CONTENT_BYTES_MAX) {
    throw new XsError(
      "too_large",
      `the content has more than ${CONTENT_BYTES_MAX} bytes; store it first (POST /cas, xs cas-post), and give its hash`,
    );
  }
  const meta = parseMeta(members.get("meta") ?? "null");
  const draft = { topic: topicOf(topic), meta, ttl: ttl == null ? FOREVER : parseTtl(ttl) };
  return { draft, content: content ?? null, hash: hash == null ? null : parseHash(hash) };
}

function topicOf(text: string): Topic {
  const topic = parseTopic(text);
  checkClientMayAppend(topic);
  return topic;
}
