// The load generator: a process of its own that keeps raw sockets busy, one request at a time each, and reports what it saw.
// It takes a plan a line and answers a report a line, so that a whole run has one of it, which is warm.
//
// HTTP/1.1 and RESP written by hand: it builds each request with one copy and looks at an answer only for its status and
// its end, which costs a tenth of what fetch does. Its own CPU time is part of the report, so that one can see that the
// server was the bottleneck.
import type { Socket } from "bun";

/** What to send. `batch` is how many frames one request carries. */
export type Plan = {
  readonly socketPath: string;
  readonly protocol: "http" | "http-batch" | "redis";
  readonly connections: number;
  readonly ms: number;
  /** Of the HTTP request. */
  readonly method: "POST" | "GET";
  /** Path and query of the HTTP request. */
  readonly path: string;
  /** Bytes of content, each time different; 0 for none. */
  readonly bytes: number;
  readonly batch: number;
};

export type LoadReport = {
  readonly requests: number;
  readonly frames: number;
  readonly seconds: number;
  /** Of one core, that this generator used. */
  readonly cpuShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

// Answers that are not whole yet wait for the rest; none of ours is longer.
const ANSWER_BYTES_MAX = 64 * 1024;

type Lane = { sentAt: number; pending: Buffer | null; isDone: boolean };

/** Sends until the time is over; throws at the first answer that is not a success. */
async function generate(plan: Plan): Promise<LoadReport> {
  const nextRequest = requestsOf(plan);
  const isWhole = plan.protocol === "redis" ? redisAnswers(plan.batch) : httpAnswer;
  const latencies: number[] = [];
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  let open = plan.connections;
  const { promise: done, resolve: finish } = Promise.withResolvers<void>();
  const cpuStart = process.cpuUsage();
  const start = performance.now();
  const end = start + plan.ms;
  const send = (socket: Socket<Lane>): void => {
    const now = performance.now();
    if (now >= end) {
      // Counted first: closing calls back at once.
      open--;
      socket.data.isDone = true;
      socket.end();
      if (open === 0) finish();
      return;
    }
    socket.data.sentAt = now;
    const request = nextRequest();
    const written = socket.write(request);
    if (written < request.length) socket.data.pending = Buffer.from(request.subarray(written));
  };
  const answers = new Map<Socket<Lane>, Buffer>();
  for (let n = 0; n < plan.connections; n++) {
    await Bun.connect<Lane>({
      unix: plan.socketPath,
      data: { sentAt: 0, pending: null, isDone: false },
      socket: {
        open: send,
        drain(socket) {
          const { pending } = socket.data;
          if (pending === null) return;
          const written = socket.write(pending);
          socket.data.pending = written < pending.length ? pending.subarray(written) : null;
        },
        data(socket, chunk) {
          const before = answers.get(socket);
          const answer = before ? Buffer.concat([before, chunk]) : chunk;
          try {
            if (!isWhole(answer)) return void answers.set(socket, Buffer.from(answer));
          } catch (error) {
            return fail(error);
          }
          if (before) answers.delete(socket);
          latencies.push(performance.now() - socket.data.sentAt);
          send(socket);
        },
        close(socket) {
          if (!socket.data.isDone) fail(new Error("the server closed a connection"));
        },
        error: (_, error) => fail(error),
      },
    });
  }
  await Promise.race([done, failed]);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuStart);
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    requests: latencies.length,
    frames: latencies.length * plan.batch,
    seconds,
    cpuShare: (user + system) / 1e6 / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

// Each request reuses one buffer: it is written before the next is made, and only its varying bytes change.
function requestsOf(plan: Plan): () => Buffer {
  let count = Math.floor(Math.random() * 2 ** 31);
  const content = Buffer.alloc(plan.bytes, "0123456789abcdef");
  const vary = (bytes: Buffer): void =>
    void (bytes.length >= 8 && bytes.writeUIntBE(0x20_00_00_00_00_00 + count++, 2, 6));
  if (plan.protocol === "redis") {
    const fields = ["topic", "bench.append", "meta", "null", ...(plan.bytes > 0 ? ["content"] : [])];
    const words = ["XADD", "bench", "*", ...fields];
    const head = `*${words.length + (plan.bytes > 0 ? 1 : 0)}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
    const one = Buffer.concat([
      Buffer.from(plan.bytes > 0 ? `${head}$${plan.bytes}\r\n` : head),
      content,
      Buffer.from(plan.bytes > 0 ? "\r\n" : ""),
    ]);
    const all = Buffer.concat(Array.from({ length: plan.batch }, () => one));
    return () => {
      for (let n = 0; n < plan.batch && plan.bytes > 0; n++) {
        vary(all.subarray((n + 1) * one.length - 2 - plan.bytes, (n + 1) * one.length - 2));
      }
      return all;
    };
  }
  const body =
    plan.protocol === "http-batch" ? Buffer.from('{"topic":"bench.append","meta":null}\n'.repeat(plan.batch)) : content;
  const length = plan.method === "POST" ? `Content-Length: ${body.length}\r\n` : "";
  const request = Buffer.concat([
    Buffer.from(`${plan.method} ${plan.path} HTTP/1.1\r\nHost: x\r\n${length}\r\n`),
    body,
  ]);
  const varying = request.subarray(request.length - plan.bytes);
  return () => {
    vary(varying);
    return request;
  };
}

/** Whether an HTTP answer is whole; throws when it is not a success. */
function httpAnswer(answer: Buffer): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end === -1) return false;
  const head = answer.toString("latin1", 0, end);
  if (!head.startsWith("HTTP/1.1 2")) throw new Error(`the server answered: ${answer.toString()}`);
  const length = /content-length: ?(\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`the answer has no length: ${head}`);
  if (answer.length > ANSWER_BYTES_MAX) throw new Error("the answer is too long");
  return answer.length >= end + 4 + Number(length);
}

/** Whether the answers to a batch of XADD are whole: a bulk string each, which is two lines. */
function redisAnswers(batch: number): (answer: Buffer) => boolean {
  return (answer) => {
    if (answer[0] !== 0x24) throw new Error(`redis answered: ${answer.toString()}`);
    let lines = 0;
    for (let at = answer.indexOf(10); at !== -1; at = answer.indexOf(10, at + 1)) lines++;
    return lines >= 2 * batch;
  };
}

if (import.meta.main) {
  for await (const line of console) console.log(JSON.stringify(await generate(JSON.parse(line) as Plan)));
}
