// The machines that a release is for, and the runtime that each binary is built on.

/** One machine, as the names of archives say it: `os-arch`, and `-musl` where the C library is musl. */
export type Target = {
  readonly name: string;
  readonly bun: Bun.Build.CompileTarget;
  /** The npm package that carries the runtime, and the executable's path in it. */
  readonly package: string;
  readonly executable: string;
};

const target = (name: string, bun: Bun.Build.CompileTarget, runtime: string, executable = "bin/bun"): Target => ({
  name,
  bun,
  package: `@oven/${runtime}`,
  executable,
});

export const TARGETS: readonly Target[] = [
  target("linux-x64", "bun-linux-x64", "bun-linux-x64"),
  target("linux-x64-musl", "bun-linux-x64-musl", "bun-linux-x64-musl"),
  target("linux-arm64", "bun-linux-arm64", "bun-linux-aarch64"),
  target("linux-arm64-musl", "bun-linux-arm64-musl", "bun-linux-aarch64-musl"),
  target("darwin-x64", "bun-darwin-x64", "bun-darwin-x64"),
  target("darwin-arm64", "bun-darwin-arm64", "bun-darwin-aarch64"),
  target("windows-x64", "bun-windows-x64", "bun-windows-x64", "bin/bun.exe"),
];

export const isWindows = ({ name }: Target): boolean => name.startsWith("windows-");

/** The name of the binary for this machine. */
export const binaryName = (target: Target): string => (isWindows(target) ? "xs.exe" : "xs");

/** The archive's name without its ending; also the one directory in it. */
export const archiveStem = (version: string, { name }: Target): string => `xs-v${version}-${name}`;

/** The archive's file name. */
export const archiveName = (version: string, target: Target): string =>
  `${archiveStem(version, target)}${isWindows(target) ? ".zip" : ".tar.gz"}`;
