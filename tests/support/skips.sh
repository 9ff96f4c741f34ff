#!/usr/bin/env bash
# skips.sh FILE: the end of a run says what was left out and why, so that a green run cannot hide a hole.
set -euo pipefail
if [ -s "$1" ]; then
    echo "left out:"
    sort -u "$1" | sed 's/^/  - /'
else
    echo "left out: nothing"
fi
