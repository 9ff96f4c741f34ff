#!/usr/bin/env bash
# skips.sh FILE: the end of a run says what was left out and why, so that a green run cannot hide a hole; before that, the
# figures of the load with faults.
set -euo pipefail
figures="$(dirname "$1")/figures.txt"
if [ -s "$figures" ]; then
    echo "under load: $(cat "$figures")"
fi
if [ -s "$1" ]; then
    echo "left out:"
    sort -u "$1" | sed 's/^/  - /'
else
    echo "left out: nothing"
fi
