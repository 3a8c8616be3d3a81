// Transcripts of HTTP (test/fixtures/wire/): read, replayed over a socket, and held against what comes back.
import { eventually } from "./eventually.ts";

/** One request and the answer that belongs to it; `line` is where it begins in its file. */
export type Exchange = { readonly line: number; readonly request: string[]; readonly answer: string[] };

export type Answer = { readonly status: string; readonly headers: ReadonlyMap<string, string>; readonly body: string };

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  id: "[0-7][0-9A-HJKMNP-TV-Z]{25}",
  time: "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z",
  text: '(?:[^"\\\\]|\\\\.)+',
  etag: '"[^"]+"',
};

/** The exchanges of a transcript; lines that begin with `#` are for who reads it. */
export function exchangesOf(text: string): Exchange[] {
  const exchanges: Exchange[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const content = line.slice(2);
    const last = exchanges.at(-1);
    if (line.startsWith(">")) {
      if (last === undefined || last.answer.length > 0)
        exchanges.push({ line: index + 1, request: [content], answer: [] });
      else last.request.push(content);
    } else if (line.startsWith("<")) {
      last?.answer.push(content);
    }
  }
  return exchanges;
}

/** Head and body of one side of an exchange. */
export function partsOf(lines: readonly string[]): { readonly head: readonly string[]; readonly body: string[] } {
  const blank = lines.indexOf("");
  return blank === -1 ? { head: lines, body: [] } : { head: lines.slice(0, blank), body: lines.slice(blank + 1) };
}

/** The bytes of a request: CR LF in the head and between chunks, LF inside of any other body. */
export function requestText(lines: readonly string[]): string {
  const { head, body } = partsOf(lines);
  const isChunked = head.some((line) => line.toLowerCase() === "transfer-encoding: chunked");
  const text = isChunked ? body.map((line) => `${line}\r\n`).join("") : body.join("\n");
  const length = head.find((line) => line.toLowerCase().startsWith("content-length: "))?.split(": ")[1] ?? "0";
  // A body of several lines, or of one that is a line, has its last line end too.
  const ended = !isChunked && Number(length) === Buffer.byteLength(text) + 1 ? `${text}\n` : text;
  return `${[...head, "Connection: close"].join("\r\n")}\r\n\r\n${ended}`;
}

/** Sends a request over a connection of its own, and reads the answer to its end. */
export async function send(unix: string, request: string): Promise<Answer> {
  const chunks: Uint8Array[] = [];
  let isOver = false;
  const socket = await Bun.connect({
    unix,
    socket: {
      data: (_, bytes) => void chunks.push(Uint8Array.from(bytes)),
      close: () => void (isOver = true),
      error: () => void (isOver = true),
    },
  });
  socket.write(request);
  socket.flush();
  await eventually(`the end of the answer to ${request.split("\r\n")[0]}`, () => isOver);
  return answerOf(Buffer.concat(chunks));
}

function answerOf(bytes: Buffer): Answer {
  const end = bytes.indexOf("\r\n\r\n");
  const [statusLine = "", ...fields] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Map(
    fields.map((field) => [
      field.slice(0, field.indexOf(":")).toLowerCase(),
      field.slice(field.indexOf(":") + 1).trim(),
    ]),
  );
  const rest = bytes.subarray(end + 4);
  const body = headers.get("transfer-encoding") === "chunked" ? unchunked(rest) : rest;
  return { status: statusLine.split(" ")[1] ?? "", headers, body: body.toString() };
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(bytes.subarray(at, lineEnd).toString(), 16);
    if (Number.isNaN(size)) throw new Error("the chunks of an answer have no end");
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

/** What was kept, put in the place of its name. */
export const filledIn = (text: string, kept: ReadonlyMap<string, string>): string =>
  text.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => kept.get(name) ?? whole);

/** Whether a text looks like a line of a transcript; keeps what the line names. */
export function matchesLine(line: string, text: string, kept: Map<string, string>): boolean {
  const names: string[] = [];
  const pattern = filledIn(line, kept)
    .split(/(<(?:id|time|text|etag)(?::[a-z]+)?>)/)
    .map((part, at) => {
      if (at % 2 === 0) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
      const [kind = "", name] = part.slice(1, -1).split(":");
      names.push(name ?? "");
      return `(${PLACEHOLDERS[kind]})`;
    });
  const match = new RegExp(`^${pattern.join("")}$`).exec(text);
  if (match === null) return false;
  for (const [at, name] of names.entries()) if (name !== "") kept.set(name, match[at + 1] ?? "");
  return true;
}
