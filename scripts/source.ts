// The source that a build is made of: its version, its commit and its time.
import pkg from "../package.json" with { type: "json" };

const ROOT = `${import.meta.dir}/..`;
// Fixed, for git's own choice grows with the repository.
const COMMIT_DIGITS = 10;

export const VERSION: string = pkg.version;

/** The commit, with `-dirty` when files differ from it; `dev` where there is no git. */
export function commitOf(): string {
  const commit = git("rev-parse", `--short=${COMMIT_DIGITS}`, "HEAD");
  if (commit === null) return "dev";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}-dirty`;
}

/** When the source was committed, in seconds since 1970: the time of all that is made from it. */
export function commitSeconds(): number {
  // https://reproducible-builds.org/specs/source-date-epoch/
  const seconds = process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct");
  if (seconds === null) throw new Error("no git here: set SOURCE_DATE_EPOCH to the time of the source");
  return Number(seconds);
}

function git(...args: readonly string[]): string | null {
  if (Bun.which("git") === null) return null;
  const { exitCode, stdout } = Bun.spawnSync(["git", "-C", ROOT, ...args], { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : null;
}
