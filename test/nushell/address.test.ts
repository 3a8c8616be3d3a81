// Nushell: which store $env.XS_ADDR means, and what is said when nothing answers there.
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Socket } from "bun";
import { withNu } from "../support/nu.ts";

test("without XS_ADDR the store is ./store of the current directory; it may be a directory or a socket elsewhere", async () => {
  await withNu(async ({ nu, server }) => {
    const parent = join(server.addr, "..");
    expect(
      await nu(
        `
        hide-env XS_ADDR
        "x" | .append t
        cd /
        [
          (fault { .head t })
          (do { cd ${parent}; .head t | .cas })
          (with-env {XS_ADDR: ${server.addr}} { .head t | .cas })
          (with-env {XS_ADDR: ${server.addr}/} { .head t | .cas })
          (with-env {XS_ADDR: ${server.addr}/sock} { .head t | .cas })
          (do { cd ${server.addr}; with-env {XS_ADDR: ../store} { .head t | .cas } })
          (do { cd ${server.addr}; with-env {XS_ADDR: sock} { .head t | .cas } })
        ]`.replace("hide-env XS_ADDR", `hide-env XS_ADDR; cd ${parent}`),
      ),
    ).toEqual(["no store at ./store; start one with: xs serve ./store", "x", "x", "x", "x", "x", "x"]);
  });
});

test("a store that is not served is an error that says how to start it, also after a crash", async () => {
  await withNu(async ({ nu, server, dir }) => {
    mkdirSync(join(dir, "empty"));
    const acts = [".append t", ".cat", ".cat -f", ".last", ".head t", ".cas-post", ".rm (.id)", ".get (.id)"];
    const faults = (addr: string): Promise<string[]> =>
      nu(`with-env {XS_ADDR: ${addr}} { [${acts.map((act) => `(fault { ${act} })`).join("\n")}] }`);
    const none = (message: string): string[] => acts.map(() => message);
    expect(await faults("./nope")).toEqual(none("no store at ./nope; start one with: xs serve ./nope"));
    expect(await faults("./empty")).toEqual(none("no store at ./empty; start one with: xs serve ./empty"));
    await server.kill();
    const crashed = none(`no server at ${server.addr}; start it with: xs serve ${server.addr}`);
    expect(await faults(server.addr)).toEqual(crashed);
    expect(await faults(`${server.addr}/sock`)).toEqual(crashed);
  });
});

test("a store at HOST:PORT or a URL answers every command as a local one does", async () => {
  await withNu(async ({ nu, server }) => {
    const port = await forward(`${server.addr}/sock`);
    const script = `
      let all = 0..255 | each { into binary | bytes at 0..0 } | bytes collect
      let frame = "content" | .append t --meta {s: "✓"} --ttl last:9 --with-timestamp
      [
        ($frame | reject id timestamp)
        ($frame.timestamp | describe)
        (($all | .append b | .cas) == $all)
        ({a: 1} | .append r | .cas)
        (.append e | get hash)
        (.get $frame.id | get hash)
        (.head t | .cas)
        (.head none.such)
        (.last | get topic)
        (.last t | get topic)
        (.last 2 | get topic)
        (.last t,r 2 | get topic)
        (.last none.such)
        (.last none.such 2)
        (.cat -T [t b] --with-timestamp | each { [$in.topic ($in.timestamp | describe)] })
        (.cat -f | first | get topic)
        (.last t -f | first 2 | get topic)
        ("posted" | .cas-post | .cas)
        ("{\\"x\\":1}" | .cas-post)
        (do { .remove $frame; .head t })
        (fault { .get $frame.id } | str replace $frame.id ID)
        (fault { .append 1bad })
        (fault { .append t --ttl soon })
        (fault { .cat --after abc })
        (fault { .cat -f --after abc })
        (fault { .last "a b" 2 })
        (fault { .last "a b" -f })
      ]`;
    const clear = ".cat | .remove";
    const local = await nu<unknown[]>(`${clear}\n${script}`);
    const remote = await nu<unknown[]>(`${clear}\n${script}`, { XS_ADDR: `127.0.0.1:${port}` });
    expect(remote).toEqual(local);
    expect(await nu(".append u | get topic", { XS_ADDR: `:${port}` })).toBe("u");
    expect(await nu(".append u | get topic", { XS_ADDR: `http://localhost:${port}/` })).toBe("u");
    const acts = [
      ".append t",
      ".cat",
      ".cat -f",
      ".last",
      ".last 2",
      ".last -f",
      ".head t -f",
      ".cas-post",
      ".rm (.id)",
    ];
    expect(await nu(`[${acts.map((act) => `(fault { ${act} })`).join("\n")}]`, { XS_ADDR: "127.0.0.1:1" })).toEqual(
      acts.map(() => "no server answers at 127.0.0.1:1"),
    );
    expect(await nu("fault { .cat }", { XS_ADDR: "127.0.0.1:1", XS_BIN: "/no/xs" })).toBe(
      "cannot run /no/xs: put xs into the PATH, or name it in $env.XS_BIN",
    );
  });
});

// A server on TCP in front of a socket. It goes with the test process.
async function forward(path: string): Promise<number> {
  type End = { other: Promise<Socket<End>> };
  const pipe = {
    data: (socket: Socket<End>, bytes: Buffer) => void socket.data.other.then((other) => other.write(bytes)),
    close: (socket: Socket<End>) => void socket.data.other.then((other) => other.end()),
  };
  const listener = Bun.listen<End>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      ...pipe,
      open: (socket) => {
        const other = Promise.resolve(socket);
        socket.data = { other: Bun.connect<End>({ unix: path, data: { other }, socket: pipe }) };
      },
    },
  });
  listener.unref();
  return listener.port;
}
