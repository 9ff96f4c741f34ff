#!/usr/bin/env bash
# fuzz.sh TARGET VERSION SECONDS [NAME...]: every fuzz target of every crate (crates/*/fuzz), or those that are named,
# each for SECONDS. Starts from the inputs that stand in the repository; what is found goes into TARGET/fuzz, where the
# next run goes on from it. A crash ends the run, and its input stays under TARGET/fuzz for `cargo fuzz run`.
set -euo pipefail
. "$(dirname "$0")/cargo-tool.sh"
target=$1 version=$2 seconds=$3
shift 3
root=$(cd "$(dirname "$0")/../.." && pwd)
tools="$target/tools" work="$target/fuzz"
# Bytes of the largest input: a little more than any reader looks at.
input_bytes_max=70000
# Seconds one input may take before it counts as a hang.
input_seconds_max=5

fuzz=$(cargo_tool cargo-fuzz "$version" "$tools")

# Coverage instrumentation is an unstable flag; the pinned stable compiler takes it when told so. Nothing here is
# `unsafe`, so that panics, hangs and memory are what is looked for, and no sanitizer is needed.
export RUSTC_BOOTSTRAP=1
ran=0
for folder in "$root"/crates/*/fuzz; do
    [ -f "$folder/Cargo.toml" ] || continue
    for name in $(cd "$folder" && "$fuzz" list); do
        if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
        found="$work/corpus/$name" seeds="$folder/corpus/$name"
        mkdir -p "$found" "$work/artifacts/$name" "$seeds"
        echo "fuzz: $name for $seconds s"
        (cd "$folder" && "$fuzz" run --sanitizer none --target-dir "$work/build" "$name" "$found" "$seeds" -- \
            -max_total_time="$seconds" -max_len="$input_bytes_max" -timeout="$input_seconds_max" \
            -artifact_prefix="$work/artifacts/$name/" -print_final_stats=1 -verbosity=0 2>&1 | grep -v '# Uses:')
        ran=$((ran + 1))
    done
done
if [ "$ran" -eq 0 ]; then
    echo "fuzz: no such target: $*" >&2
    exit 1
fi
echo "fuzz: $ran targets, no crash"
