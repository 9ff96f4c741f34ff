#!/usr/bin/env bash
# release.sh TARGET TOOLS AUDITABLE_VERSION: the binary as it is given away, with a list of what it is made of and the
# checksums of both, in TARGET/dist. Two builds of one commit on one toolchain are the same, byte for byte.
set -euo pipefail
. "$(dirname "$0")/cargo-tool.sh"
target=$1 tools=$2 version=$3
cd "$(dirname "$0")/../.."

auditable=$(cargo_tool cargo-auditable "$version" "$tools")

# Nothing of the place, the time or an earlier build may get into the binary.
home=${CARGO_HOME:-$HOME/.cargo}
export CARGO_INCREMENTAL=0 SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
RUSTFLAGS="--remap-path-prefix=$PWD=/standin --remap-path-prefix=$target/dist/build=/build --remap-path-prefix=$home=/cargo --remap-path-prefix=$(rustc --print sysroot)=/rust"
# C code of dependencies is compiled beside it.
CFLAGS="-ffile-prefix-map=$PWD=/standin -ffile-prefix-map=$target/dist/build=/build -ffile-prefix-map=$home=/cargo"
export RUSTFLAGS CFLAGS
CARGO_TARGET_DIR="$target/dist/build" "$auditable" auditable build --release --locked --bin proxy

dist="$target/dist"
install -m 755 "$dist/build/release/proxy" "$dist/proxy"
# The list is read back out of the binary, so it says what is in there and not what should be.
python3 tests/support/parts.py "$dist/proxy" > "$dist/proxy.parts.json"
(cd "$dist" && sha256sum proxy proxy.parts.json > SHA256SUMS && cat SHA256SUMS)
