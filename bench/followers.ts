// Many followers in a process of their own: each checks that it gets every frame once and in order, and when.
import { Connection, sharedNow } from "./socket.ts";

export type FollowersPlan = {
  readonly socketPath: string;
  readonly followers: number;
  readonly frames: number;
  /** The first frames, whose order counts and whose time does not: while they come, both ends compile what they run. */
  readonly warmUpFrames: number;
};
export type FollowersReport = { readonly p50Ms: number; readonly p99Ms: number; readonly cpuShare: number };

// From the last append on; who has not got everything by then has lost something.
const WAIT_MS_MAX = 30_000;
const FRAME = /"meta":\{"n":(\d+),"at":([\d.]+)\}/g;

async function follow({ socketPath, followers, frames, warmUpFrames }: FollowersPlan): Promise<FollowersReport> {
  const latencies = new Float64Array(followers * (frames - warmUpFrames));
  const { promise: done, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  let [got, timed] = [0, 0];
  for (let f = 0; f < followers; f++) {
    let expected = 0;
    let rest = "";
    const connection = await new Connection(socketPath).open();
    const { promise: answered, resolve: onAnswered } = Promise.withResolvers<void>();
    connection.stream("/?follow&new&topic=fan.out", (chunk) => {
      onAnswered();
      const now = sharedNow();
      const text = rest + chunk;
      let end = 0;
      for (const match of text.matchAll(FRAME)) {
        if (Number(match[1]) !== expected)
          fail(new Error(`follower ${f} got frame ${match[1]} instead of ${expected}`));
        if (expected >= warmUpFrames) latencies[timed++] = now - Number(match[2]);
        expected++;
        got++;
        end = match.index + match[0].length;
      }
      // A frame may be cut in two by the socket.
      rest = text.slice(Math.max(end, text.length - 512));
      if (got === followers * frames) finish();
    });
    // One after the other: a socket's backlog holds 512 connections, and who comes too early is refused.
    await answered;
  }
  console.log("ready");
  const cpu = process.cpuUsage();
  const start = performance.now();
  const timer = setTimeout(
    () => fail(new Error(`${got} of ${followers * frames} frames were delivered`)),
    (frames * 1000) / 200 + WAIT_MS_MAX,
  );
  await done;
  clearTimeout(timer);
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort();
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99), cpuShare: (user + system) / 1000 / (performance.now() - start) };
}

if (import.meta.main) {
  console.log(JSON.stringify(await follow(JSON.parse(Bun.argv[2] ?? "{}") as FollowersPlan)));
  process.exit(0);
}
