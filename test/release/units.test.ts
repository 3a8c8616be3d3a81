// The units for systemd and launchd, read by what reads them.
import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { temporaryDir } from "../support/store.ts";
import { run } from "../support/xs.ts";

const PACKAGING = resolve(import.meta.dir, "../../docs/packaging");

const hasSystemd = Bun.which("systemd-analyze") !== null;
if (!hasSystemd) console.warn("SKIPPED: systemd-analyze is not installed; the systemd unit is not verified");
test.skipIf(!hasSystemd)("systemd finds no fault in the unit", async () => {
  const dir = temporaryDir();
  try {
    // The program that it starts must be there to be verified.
    mkdirSync(join(dir.path, ".local/bin"), { recursive: true });
    writeFileSync(join(dir.path, ".local/bin/xs"), "#!/bin/sh\n", { mode: 0o755 });
    const unit = join(dir.path, "xs.service");
    copyFileSync(join(PACKAGING, "xs.service"), unit);
    const env = { HOME: dir.path, XDG_RUNTIME_DIR: dir.path };
    const { code, stderr } = await run(["systemd-analyze", "verify", "--user", "--man=no", unit], { env });
    expect([code, stderr]).toEqual([0, ""]);
  } finally {
    dir.remove();
  }
});

const READ_PLIST = "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
const hasPython = Bun.which("python3") !== null;
if (!hasPython) console.warn("SKIPPED: python3 is not installed; the launchd agent is not parsed");
test.skipIf(!hasPython)(
  "the launchd agent is a property list that serves a store and comes back after a failure",
  async () => {
    const { code, stdout, stderr } = await run(["python3", "-c", READ_PLIST, join(PACKAGING, "xs.plist")]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({
      Label: "xs",
      ProgramArguments: ["/bin/sh", "-c", expect.stringMatching(/^exec "\$HOME\/\.local\/bin\/xs" serve /)],
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      Umask: 0o077,
    });
  },
);
