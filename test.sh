#!/usr/bin/env bash
# The one command that runs the whole suite, also on a machine that has nothing but Rust: brings `just` when it is
# missing (prebuilt into target/tools, or built from source where Python cannot make an environment).
set -euo pipefail
cd "$(dirname "$0")"

just_version=1.59.0
tools="${CARGO_TARGET_DIR:-$PWD/target}/tools"

find_just() {
    if command -v just; then return; fi
    for place in "$tools/just/bin/just" "$tools/bin/just"; do
        if [ -x "$place" ]; then echo "$place" && return; fi
    done
    mkdir -p "$tools"
    if python3 -m venv "$tools/just" >&2 &&
        "$tools/just/bin/pip" install --quiet --only-binary :all: "rust-just==$just_version" >&2; then
        echo "$tools/just/bin/just"
        return
    fi
    rm -rf "$tools/just"
    echo "no prebuilt just (python3-venv is missing?): building it" >&2
    cargo install --quiet --locked --root "$tools" --version "$just_version" just >&2
    echo "$tools/bin/just"
}

just=$(find_just)
PATH="$PATH:$(dirname "$just")" exec "$just" test
