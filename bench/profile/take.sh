#!/usr/bin/env bash
# take.sh TARGET: builds the product so that it writes down which paths it takes, puts it to work (`standin-bench train`)
# and keeps what it wrote as proxy.profdata. What the work does not reach is left out of it: of that the compiler knows
# nothing, and builds it as it always did.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$1 raw=$1/profile/raw

merge=("$(rustc --print sysroot)"/lib/rustlib/*/bin/llvm-profdata)
if [ ! -x "${merge[0]}" ]; then
    echo "llvm-profdata is not there: rustup component add llvm-tools" >&2
    exit 1
fi
rm -rf "$raw"
# The same packages as in every build of the binary: with other features functions have other names.
STANDIN_PROFILE=$raw CARGO_TARGET_DIR=$target/profile cargo build --locked --release --bin proxy
CARGO_TARGET_DIR=$target cargo build --locked --release --package proxy --package standin-bench --bin standin-bench
"$target/release/standin-bench" train --proxy "$target/profile/release/proxy"
python3 bench/profile/errors.py 20 | "$target/profile/release/proxy" classify - > /dev/null
"${merge[0]}" merge --sparse --output bench/profile/proxy.profdata "$raw"
# Cargo does not see that the compiler would now be told something else.
CARGO_TARGET_DIR=$target cargo clean --quiet --release
ls -l bench/profile/proxy.profdata
