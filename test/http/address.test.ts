import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkSocketPath, locate } from "../../src/http/look-up.ts";
import { temporaryDir } from "../support/store.ts";

const unix = (path: string): object => ({ base: "http://localhost", unix: path, authorization: null });
const tcp = (base: string, authorization: string | null = null): object => ({ base, unix: null, authorization });

describe("an address", () => {
  test.each([
    [":8080", tcp("http://localhost:8080")],
    ["127.0.0.1:8080", tcp("http://127.0.0.1:8080")],
    ["host.example:1", tcp("http://host.example:1")],
    ["http://host:8080/", tcp("http://host:8080")],
    ["https://host/prefix/", tcp("https://host/prefix")],
    ["http://user:to%20ken@host", tcp("http://host", `Basic ${btoa("user:to ken")}`)],
  ])("%s is reached over TCP", (text, address) => {
    expect<object>(locate(text)).toEqual(address);
  });

  test("is a directory where it is a bare name, there or not", () => {
    expect<object>(locate("store")).toEqual(unix(join(process.cwd(), "store", "sock")));
    expect<object>(locate("./a/b/")).toEqual(unix(join(process.cwd(), "a/b/sock")));
  });

  test("is a directory also where its name looks like a host and a port, once it is there", () => {
    const dir = temporaryDir();
    const path = join(dir.path, "a:80");
    mkdirSync(path);
    expect<object>(locate(path)).toEqual(unix(join(path, "sock")));
    dir.remove();
  });

  test("is a socket where one stands", () => {
    const dir = temporaryDir();
    const path = join(dir.path, "other");
    const server = Bun.listen({ unix: path, socket: { data: () => undefined } });
    expect<object>(locate(path)).toEqual(unix(path));
    server.stop();
    writeFileSync(join(dir.path, "file"), "");
    expect<object>(locate(join(dir.path, "file"))).toEqual(unix(join(dir.path, "file", "sock")));
    dir.remove();
  });

  test.each([[""], ["http://"], ["http://host:99999"]])("%j is none", (text) => {
    expect(() => locate(text)).toThrow();
  });

  test("of a socket is the shorter way there, and refused when both ways are too long", () => {
    const long = "d".repeat(120);
    expect(() => checkSocketPath(`/tmp/${long}/sock`)).toThrow("use a shorter directory");
    expect(checkSocketPath(join(process.cwd(), "x", "sock"))).toEndWith("x/sock");
  });
});
