// The C library, for the calls that nothing else offers.
import { dlopen, type FFIFunction } from "bun:ffi";

const MUSL_ARCH = process.arch === "arm64" ? "aarch64" : "x86_64";

/** Opens functions of the C library; null where it is not found. */
export function openCLibrary<const F extends Record<string, FFIFunction>>(functions: F) {
  const names = process.platform === "darwin" ? ["libSystem.B.dylib"] : ["libc.so.6", `libc.musl-${MUSL_ARCH}.so.1`];
  for (const name of names) {
    try {
      return dlopen(name, functions).symbols;
    } catch {
      // Not this C library.
    }
  }
  return null;
}
