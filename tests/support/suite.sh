#!/usr/bin/env bash
# suite.sh TOOLS [FILTER...]: all tests, with cargo-nextest if it is there, else with cargo test; documentation tests too.
set -euo pipefail
export STANDIN_TOOLS=$1
shift
cd "$(dirname "$0")/../.."

# The binary is built first, and the tests get its path: none of them waits for Cargo's lock.
STANDIN_PROXY=$(cargo build --locked --bin proxy --message-format=json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
export STANDIN_PROXY

# Servers and clients of other people are installed before the clock of any test runs.
python3 tests/support/environment.py "$STANDIN_TOOLS" || true

if command -v cargo-nextest > /dev/null; then
    cargo nextest run --locked --workspace --no-fail-fast "$@"
else
    cargo test --locked --workspace --no-fail-fast "$@"
fi
if [ $# -eq 0 ]; then
    cargo test --locked --workspace --doc --quiet
fi
