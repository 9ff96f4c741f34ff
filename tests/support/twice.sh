#!/usr/bin/env bash
# twice.sh TARGET TOOLS AUDITABLE_VERSION: builds the release twice, here and in a fresh checkout of the same commit in
# another folder with another target, and fails unless both are the same, byte for byte.
set -euo pipefail
target=$1 tools=$2 version=$3
cd "$(dirname "$0")/../.."
if [ -n "$(git status --porcelain)" ]; then
    echo "twice: what is not committed would be in one of the two only" >&2
    exit 1
fi
elsewhere=$(mktemp -d)
trap 'git worktree remove --force "$elsewhere/checkout"; rm -rf "$elsewhere"' EXIT
git worktree add --quiet --detach "$elsewhere/checkout" HEAD
tests/support/release.sh "$target" "$tools" "$version"
"$elsewhere/checkout/tests/support/release.sh" "$elsewhere/target" "$tools" "$version"
diff "$target/dist/SHA256SUMS" "$elsewhere/target/dist/SHA256SUMS"
echo "twice: the same, byte for byte"
