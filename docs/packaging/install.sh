#!/bin/sh
# Installs xs for this user: picks the archive for this machine, checks its sum, and puts the binary, the man page and the
# completions under ~/.local (or where XS_INSTALL_DIR says). Nothing else is changed, and nothing needs root.
#
#   XS_INSTALL_DIR  where the binary goes (default: ~/.local/bin)
#   XS_VERSION      the version to install (default: the one that this script came with)
#   XS_BASE_URL     where the releases are (the files are at $XS_BASE_URL/v$XS_VERSION/)
set -eu

main() {
  version=${XS_VERSION:-@VERSION@}
  base=${XS_BASE_URL:-@BASE_URL@}
  case "$version$base" in
    *@*@*) fail "this is the script as it is in the source: set XS_VERSION and XS_BASE_URL" ;;
  esac
  bin_dir=${XS_INSTALL_DIR:-$HOME/.local/bin}
  share_dir=$(dirname "$bin_dir")/share

  target=$(detect_target)
  stem="xs-v$version-$target"
  archive="$stem.tar.gz"
  url="${base%/}/v$version"

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  say "xs $version for $target from $url"
  download "$url/SHA256SUMS" "$work/SHA256SUMS"
  download "$url/$archive" "$work/$archive"
  check_sum

  tar -xzf "$work/$archive" -C "$work"
  mkdir -p "$bin_dir"
  # Beside its place first and then moved: an xs that runs there goes on with the file that it has.
  cp "$work/$stem/xs" "$bin_dir/.xs.$$"
  chmod 755 "$bin_dir/.xs.$$"
  mv -f "$bin_dir/.xs.$$" "$bin_dir/xs"
  say "installed $bin_dir/xs"
  # The rest is worth having where there is a place for it, which is beside a directory that is called bin.
  case "$bin_dir" in
    */bin) install_share ;;
    *) ;;
  esac

  if [ "$("$bin_dir/xs" --version 2>/dev/null)" = "" ]; then
    say "but it does not run on this machine:"
    "$bin_dir/xs" --version || true
    case "$target" in
      *-musl) say "with musl it needs libstdc++ (on Alpine: apk add libstdc++)" ;;
      *) ;;
    esac
    exit 1
  fi
  tell_path
}

detect_target() {
  case "$(uname -s)" in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) fail "there is no archive for $(uname -s); see $url" ;;
  esac
  case "$(uname -m)" in
    x86_64 | amd64) arch=x64 ;;
    arm64 | aarch64) arch=arm64 ;;
    *) fail "there is no archive for the processor $(uname -m)" ;;
  esac
  # A shell that runs under Rosetta is told x86_64 on a machine that is arm64.
  if [ "$os" = darwin ] && [ "$arch" = x64 ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then
    arch=arm64
  fi
  echo "$os-$arch$(if [ "$os" = linux ]; then libc_suffix; fi)"
}

# With both C libraries there, the one that the system itself uses counts: that of /bin/ls, or of whatever ldd is.
libc_suffix() {
  if ldd /bin/ls 2>/dev/null | grep -q musl; then
    echo "-musl"
  fi
}

download() {
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 2 -o "$2" "$1" || fail "could not download $1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -O "$2" "$1" || fail "could not download $1"
  else
    fail "neither curl nor wget is here"
  fi
}

check_sum() {
  expected=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/SHA256SUMS")
  [ -n "$expected" ] || fail "SHA256SUMS does not name $archive; nothing was installed"
  if command -v sha256sum >/dev/null 2>&1; then
    actual=$(sha256sum "$work/$archive")
  elif command -v shasum >/dev/null 2>&1; then
    actual=$(shasum -a 256 "$work/$archive")
  else
    fail "neither sha256sum nor shasum is here to check the archive with; nothing was installed"
  fi
  actual=${actual%% *}
  [ "$actual" = "$expected" ] || fail "$archive has the sum $actual, not $expected; nothing was installed"
}

install_share() {
  put xs.1 man/man1/xs.1
  put completions/xs.bash bash-completion/completions/xs
  put completions/_xs zsh/site-functions/_xs
  put completions/xs.fish fish/vendor_completions.d/xs.fish
  put completions/xs-completions.nu xs/xs-completions.nu
  put xs.nu xs/xs.nu
}

put() {
  [ -f "$work/$stem/$1" ] || return 0
  mkdir -p "$(dirname "$share_dir/$2")"
  cp "$work/$stem/$1" "$share_dir/$2"
  chmod 644 "$share_dir/$2"
  say "installed $share_dir/$2"
}

tell_path() {
  case ":$PATH:" in
    *":$bin_dir:"*) say "$bin_dir is on your PATH: try xs help" ;;
    *) say "$bin_dir is not on your PATH; add it: export PATH=\"$bin_dir:\$PATH\"" ;;
  esac
}

say() {
  echo "$*" >&2
}

fail() {
  echo "install: $*" >&2
  exit 1
}

main
