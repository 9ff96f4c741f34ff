# cargo-tool.sh, to be sourced: `cargo_tool NAME VERSION TOOLS` says where the cargo tool NAME of exactly that version is.
# One that the machine has is taken; without it, it is built once into TOOLS.

cargo_tool() {
    local name=$1 version=$2 tools=$3 place told
    for place in "$(command -v "$name" || true)" "$tools/bin/$name"; do
        [ -x "$place" ] || continue
        # Some tell it only as the subcommand that they are, others only without.
        told=$({ "$place" --version; "$place" "${name#cargo-}" --version; } 2> /dev/null || true)
        if grep -qwF -- "$version" <<< "$told"; then
            echo "$place"
            return
        fi
    done
    CARGO_TARGET_DIR="$tools/build" cargo install --quiet --locked --root "$tools" --version "$version" "$name" >&2
    rm -rf "$tools/build"
    echo "$tools/bin/$name"
}
