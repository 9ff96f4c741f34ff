#!/usr/bin/env bash
# mutants.sh TARGET VERSION [FILE...]: changes one thing at a time in the rooms that decide and remember, or in the files
# that are named (`crates/policy/src/suspend.rs`), and runs the tests that hold them. A change that no test notices is a
# survivor; one that docs/mutants.md does not name, with its reason, is a failure. Works on copies, one per room, side by
# side; what became of every change is in TARGET/mutants/ROOM/mutants.out.
set -euo pipefail
. "$(dirname "$0")/cargo-tool.sh"
target=$1 version=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
# Seconds one run of the tests may take before it counts as a hang, which is as good as a failure. It takes one.
timeout_seconds=30
# Seconds a build may take; the first of a room has every dependency to build.
build_seconds=1800
# Where suspensions are worked out, paths are chosen, and budgets are kept.
if [ $# -eq 0 ]; then
    set -- crates/policy/src/{suspend,ladder,standing,blame,select,survey,state,record,run,drive,effect,ending,routing}.rs \
        crates/store/src/{gcra,ledger,board,rings,rooms,session,store,bindings}.rs
fi
mutants=$(cargo_tool cargo-mutants "$version" "$target/tools")

# room NAME PACKAGES CARGO_ARG... : the files of one room that were asked for, and the tests of these packages that the
# arguments choose.
room() {
    local name=$1 packages=$2 work="$target/mutants/$1" files=() chosen=() arg
    shift 2
    for arg in "${asked[@]}"; do
        case "$arg" in crates/"$name"/*) files+=(--file "$arg") ;; esac
    done
    if [ ${#files[@]} -eq 0 ]; then return; fi
    for arg in "$@"; do chosen+=(--cargo-arg="$arg"); done
    mkdir -p "$work"
    # A target of its own: what is built from changed code must never be taken for the real thing. Left out are a test of
    # real time, which on a busy machine would fail for any change, and one of a million requests.
    export CARGO_TARGET_DIR="$work/build"
    local skipped=(--skip n4_a_million --skip s127_)
    # Without a change all have to pass, or every change would look caught.
    (cd "$root" && cargo test --quiet --locked --profile mutants $packages "$@" -- "${skipped[@]}") > "$work/log.txt" 2>&1
    "$mutants" mutants --dir "$root" --output "$work" --profile mutants --baseline skip \
        --timeout "$timeout_seconds" --build-timeout "$build_seconds" ${packages//-p /--test-package } \
        --cargo-arg=--locked "${chosen[@]}" "${files[@]}" -- -- "${skipped[@]}" >> "$work/log.txt" 2>&1 || [ $? -le 3 ]
}

asked=("$@")
# Nearly all the time goes into building: the tests that try at random what the stories hold one by one stay out.
export RUSTFLAGS="--cfg mutants"
room policy "-p standin-policy" --test=scenarios &
policy=$!
room store "-p standin-policy -p standin-store" --lib --test=scenarios &
store=$!
done=0
wait $policy || done=1
wait $store || done=1
if [ $done -ne 0 ]; then
    tail -n 20 "$target"/mutants/*/log.txt
    exit 1
fi

# The place of a change moves with every line above it, its words do not.
left=0
for name in policy store; do
    out="$target/mutants/$name/mutants.out"
    [ -f "$out/outcomes.json" ] || continue
    tail -n 1 "$target/mutants/$name/log.txt"
    while read -r change; do
        words=$(sed -E 's/:[0-9]+:[0-9]+//; s/^crates.//' <<< "$change")
        if ! grep -qF -- "$words" "$root/docs/mutants.md"; then
            echo "no test notices: $change"
            left=1
        fi
    done < "$out/missed.txt"
done
exit $left
