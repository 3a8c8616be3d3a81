// docs/tour.svg, the recording on the front page: the session of docs/recording.md as an animated SVG, with CSS alone.
// The same page gives the same bytes. Without animation (or where less motion is wanted) it shows the end of the session.
import { join, resolve } from "node:path";

const DOCS = resolve(import.meta.dir, "../docs");
const TITLE = "xs: a server, an append, a follower that is told, a crash that loses nothing";

const COLUMNS = 100;
const FONT_PX = 14;
const CHAR_PX = 8.4;
const LINE_PX = 20;
const MARGIN_PX = 18;
const BAR_PX = 28;
const PROMPT_COLUMNS = 2;

// The whole recording, and the still picture at its end that is part of it.
const TOTAL_MS = 20_000;
const HOLD_MS = 3_500;
// How long things take beside each other; all of it is stretched to fill the recording.
const CHAR_UNITS = 1;
const LINE_UNITS = 10;
const PAUSE_UNITS = 28;
// What makes a change sudden, in percent of the recording.
const INSTANT = 0.001;

type Row = {
  readonly prompt: string;
  readonly text: string;
  readonly isTyped: boolean;
  /** When it shows, and when all of it has been typed. */
  readonly at: number;
  readonly until: number;
};

/** The recording of the session on a page (a block of `$ ` commands, `> ` continuations, and outputs), as SVG. */
export function recording(markdown: string): string {
  const session = /^```console\n(.*?)\n```$/ms.exec(markdown)?.[1];
  if (session === undefined) throw new Error("the page has no console block");
  const rows = schedule(session.split("\n"));
  const width = Math.round(COLUMNS * CHAR_PX + 2 * MARGIN_PX);
  const height = BAR_PX + rows.length * LINE_PX + 2 * MARGIN_PX;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">${escaped(TITLE)}</title>
<style>
svg { --paper: #16181d; --ink: #d7dae0; --typed: #ffffff; --prompt: #7fd1a0; --edge: #3a3f4b; }
@media (prefers-color-scheme: light) { svg { --paper: #fbfbf9; --ink: #3b4048; --typed: #111317; --prompt: #1a7f46; --edge: #c9ccd3; } }
.paper { fill: var(--paper); stroke: var(--edge); }
.dot { fill: var(--edge); }
text { font: ${FONT_PX}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: var(--ink); }
.typed { fill: var(--typed); }
.prompt { fill: var(--prompt); }
.cover { opacity: 0; }
.cover .blank { fill: var(--paper); }
.cover .caret { fill: var(--prompt); }
.row, .cover { animation-duration: ${TOTAL_MS}ms; animation-iteration-count: infinite; }
${rows.map(styleOf).join("\n")}
@media (prefers-reduced-motion: reduce) { .row, .cover { animation: none; } }
</style>
<rect class="paper" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${[0, 1, 2].map((n) => `<circle class="dot" cx="${MARGIN_PX + n * 18}" cy="${BAR_PX / 2 + 4}" r="5"/>`).join("")}
${rows.map(drawn).join("\n")}
</svg>
`;
}

// Which row comes when. Typed rows take their time; the rows of an output come one by one after a pause.
function schedule(lines: readonly string[]): Row[] {
  const rows: Row[] = [];
  let clock = 0;
  for (const line of lines) {
    const isTyped = line.startsWith("$ ") || line.startsWith("> ");
    for (const [index, piece] of wrapped(line).entries()) {
      const prompt = isTyped && index === 0 ? piece.slice(0, PROMPT_COLUMNS) : "";
      const text = piece.slice(prompt.length);
      if (!isTyped) clock += LINE_UNITS;
      else if (prompt === "$ ") clock += PAUSE_UNITS;
      const at = clock;
      if (isTyped) clock += text.length * CHAR_UNITS;
      rows.push({ prompt, text, isTyped, at, until: clock });
    }
  }
  const msPerUnit = (TOTAL_MS - HOLD_MS) / clock;
  const percent = (units: number): number => (units * msPerUnit * 100) / TOTAL_MS;
  return rows.map((row) => ({ ...row, at: percent(row.at), until: percent(row.until) }));
}

// As a terminal breaks lines that are too long for it.
function wrapped(line: string): string[] {
  const rows: string[] = [];
  for (let at = 0; at === 0 || at < line.length; at += COLUMNS) rows.push(line.slice(at, at + COLUMNS));
  return rows;
}

function styleOf({ text, isTyped, at, until }: Row, index: number): string {
  const shown = `@keyframes row${index} { 0%, ${number(at)}% { opacity: 0; } ${number(at + INSTANT)}%, 100% { opacity: 1; } }
.row${index} { animation-name: row${index}; }`;
  if (!isTyped) return shown;
  const count = Math.max(1, text.length);
  return `${shown}
@keyframes cover${index} { 0%, ${number(at)}% { opacity: 1; transform: translateX(0); animation-timing-function: steps(${count}, end); } ${number(until)}% { opacity: 1; transform: translateX(${number(count * CHAR_PX)}px); } ${number(until + INSTANT)}%, 100% { opacity: 0; transform: translateX(${number(count * CHAR_PX)}px); } }
.cover${index} { animation-name: cover${index}; }`;
}

function drawn({ prompt, text, isTyped }: Row, index: number): string {
  const top = BAR_PX + MARGIN_PX + index * LINE_PX;
  const baseline = top + LINE_PX - 6;
  if (!isTyped) return `<g class="row row${index}">${textAt(0, baseline, text, "output")}</g>`;
  const start = MARGIN_PX + prompt.length * CHAR_PX;
  const blank = `<rect class="blank" x="${number(start)}" y="${top}" width="${number(text.length * CHAR_PX)}" height="${LINE_PX}"/>`;
  const caret = `<rect class="caret" x="${number(start)}" y="${top + 2}" width="${CHAR_PX}" height="${LINE_PX - 4}"/>`;
  return `<g class="row row${index}">${textAt(0, baseline, prompt.trimEnd(), "prompt")}${textAt(prompt.length, baseline, text, "typed")}<g class="cover cover${index}">${blank}${caret}</g></g>`;
}

// The length is given, so that columns meet whatever font there is.
function textAt(column: number, y: number, text: string, kind: string): string {
  if (text === "") return "";
  const x = number(MARGIN_PX + column * CHAR_PX);
  return `<text class="${kind}" x="${x}" y="${y}" textLength="${number(text.length * CHAR_PX)}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">${escaped(text)}</text>`;
}

const number = (value: number): string => String(Number(value.toFixed(3)));
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

if (import.meta.main) {
  await Bun.write(join(DOCS, "tour.svg"), recording(await Bun.file(join(DOCS, "recording.md")).text()));
}
