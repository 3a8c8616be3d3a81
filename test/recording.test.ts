// The recording on the front page is that of its session, whose text the documentation's own test holds against the program.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { recording } from "../scripts/recording.ts";

const DOCS = resolve(import.meta.dir, "../docs");
const PAGE = readFileSync(join(DOCS, "recording.md"), "utf8");

test("docs/tour.svg is made of docs/recording.md (bun scripts/recording.ts makes it anew)", () => {
  expect(readFileSync(join(DOCS, "tour.svg"), "utf8")).toBe(recording(PAGE));
});

test("the recording shows every line of its session, wrapped, and asks for nothing from elsewhere", () => {
  const svg = recording(PAGE);
  const shown = [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text = ""]) => text).join("");
  const session = /```console\n(.*?)```/s.exec(PAGE)?.[1] ?? "";
  expect(plain(shown)).toBe(session.replaceAll(/\s/g, ""));
  expect(svg.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|href|url\(|<script/);
});

const plain = (text: string): string =>
  text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&").replaceAll(/\s/g, "");
