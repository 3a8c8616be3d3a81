// npm run soak: the fault tests in their long form, against the compiled binary. `npm run soak -- kill power` runs these only.

// This is a module, so that it may await.
export {};

const BUN = process.execPath;
// A run of all takes an hour or more; one test that takes longer than this hangs.
const TEST_MS_MAX = String(3 * 60 * 60 * 1000);

const wanted = process.argv.slice(2);
const tests =
  wanted.length > 0 ? wanted.map((name) => `test/faults/${name}`) : ["test/faults/", "test/store/flips.test.ts"];

for (const command of [
  [BUN, "scripts/compile.ts"],
  [BUN, "test", "--timeout", TEST_MS_MAX, ...tests],
]) {
  const child = Bun.spawn(command, {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, XS_SOAK: "1", XS_BIN: "dist/xs", XS_TEST_FLIPS: "1000" },
  });
  if ((await child.exited) !== 0) process.exit(1);
}
