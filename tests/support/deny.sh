#!/usr/bin/env bash
# deny.sh TOOLS VERSION: cargo-deny over the lock file, with the pinned version, built once into TOOLS if need be.
# The database of known vulnerabilities lives on a host that closed networks do not reach: without it that one part is
# skipped aloud, and all others are still checked.
set -euo pipefail
tools=$1 version=$2
# How long the database may take to arrive.
fetch_seconds_max=120

deny=""
for place in "$(command -v cargo-deny || true)" "$tools/bin/cargo-deny"; do
    if [ -x "$place" ] && [ "$("$place" --version)" = "cargo-deny $version" ]; then deny=$place && break; fi
done
if [ -z "$deny" ]; then
    CARGO_TARGET_DIR="$tools/build" cargo install --quiet --locked --root "$tools" --version "$version" cargo-deny
    rm -rf "$tools/build"
    deny="$tools/bin/cargo-deny"
fi

"$deny" --locked check bans licenses sources

if reason=$(timeout "$fetch_seconds_max" "$deny" fetch db 2>&1); then
    "$deny" --locked check --disable-fetch advisories
else
    echo "skipped: known vulnerabilities: their database cannot be fetched here"
    echo "$reason" | tail -n 3 >&2
    echo "known vulnerabilities (cargo deny check advisories): their database cannot be fetched here" >> "$STANDIN_SKIPS"
fi
