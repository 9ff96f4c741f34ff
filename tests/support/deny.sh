#!/usr/bin/env bash
# deny.sh TOOLS VERSION: cargo-deny over the lock file, with the pinned version, built once into TOOLS if need be.
# The database of known vulnerabilities lives on a host that closed networks do not reach: without it that one part is
# skipped aloud, and all others are still checked.
set -euo pipefail
. "$(dirname "$0")/cargo-tool.sh"
tools=$1 version=$2
# How long the database may take to arrive.
fetch_seconds_max=120

deny=$(cargo_tool cargo-deny "$version" "$tools")

"$deny" --locked check bans licenses sources

if reason=$(timeout "$fetch_seconds_max" "$deny" fetch db 2>&1); then
    "$deny" --locked check --disable-fetch advisories
else
    echo "skipped: known vulnerabilities: their database cannot be fetched here"
    echo "$reason" | tail -n 3 >&2
    echo "known vulnerabilities (cargo deny check advisories): their database cannot be fetched here" >> "$STANDIN_SKIPS"
fi
