#!/usr/bin/env bash
# mutants.sh TARGET VERSION [FILE...]: changes one thing at a time in the rooms that decide and remember, or in the files
# that are named (`crates/policy/src/suspend.rs`), and runs the tests of both rooms; a change that no test notices is a
# survivor. What survives with a reason is in docs/mutants.md. Works on a copy; results in TARGET/mutants/mutants.out.
set -euo pipefail
. "$(dirname "$0")/cargo-tool.sh"
target=$1 version=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
tools="$target/tools"
# Seconds one run of the tests may take before it counts as a hang, which is as good as a failure.
timeout_seconds=60
# The rooms where a wrong number or comparison makes a wrong decision.
if [ $# -eq 0 ]; then
    set -- crates/policy/src/{suspend,ladder,standing,blame,select,survey,state}.rs \
        crates/store/src/{gcra,ledger,board,rings}.rs
fi

mutants=$(cargo_tool cargo-mutants "$version" "$tools")

files=()
for file in "$@"; do files+=(--file "$file"); done
mkdir -p "$target/mutants"
# A target of its own: what is built from changed code must never be taken for the real thing. Nearly all the time goes
# into building, so little is built anew and nothing for a debugger. Left out are a test of real time, which on a busy
# machine would fail for any change, one of a million requests, and three that try at random what the stories hold one
# by one: with them a change costs seconds instead of a tenth of one.
export CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0
CARGO_TARGET_DIR="$target/mutants/build" "$mutants" mutants --dir "$root" --output "$target/mutants" --no-shuffle \
    --timeout "$timeout_seconds" --test-package standin-policy --test-package standin-store \
    --cargo-arg=--locked --cargo-arg=--tests "${files[@]}" \
    -- -- --skip n4_a_million --skip s127_ \
    --skip the_policy_calls_and_remembers --skip bit_for_bit --skip in_any_order
