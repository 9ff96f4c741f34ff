#!/usr/bin/env bash
# suite.sh TARGET [FILTER...]: all tests, with cargo-nextest if it is there, else with cargo test; documentation tests too.
set -euo pipefail
target=$1
shift
cd "$(dirname "$0")/../.."

# The binary is built first, together with the tests so that nothing is built twice, and the tests get its path: none
# of them waits for Cargo's lock.
cargo build --locked --workspace --bins --tests
export STANDIN_PROXY="$target/debug/proxy" STANDIN_TOOLS="$target/tools"

# Servers and clients of other people are installed before the clock of any test runs. Where that fails, the tests that
# need them say so.
python3 tests/support/environment.py "$STANDIN_TOOLS" base || true
python3 tests/support/environment.py "$STANDIN_TOOLS" clients || true &
for packages in sdks agents; do
    python3 tests/support/node_packages.py "$STANDIN_TOOLS" "$packages" || true &
done
wait

if command -v cargo-nextest > /dev/null; then
    cargo nextest run --locked --workspace --no-fail-fast "$@"
else
    cargo test --locked --workspace --no-fail-fast "$@"
fi
if [ $# -eq 0 ]; then
    cargo test --locked --workspace --doc --quiet
fi
