#!/bin/sh
# What cargo calls for each crate: rustc, which is told for the release profile which paths are hot. With
# STANDIN_PROFILE=FOLDER the binary writes down there which paths it takes; that is how `just profile` finds out.
compiler=$1
shift
case " $* " in
*" lto=fat "* | *" linker-plugin-lto "*) ;;
*) exec "$compiler" "$@" ;;
esac
if [ -n "${STANDIN_PROFILE:-}" ]; then
    exec "$compiler" "$@" "-Cprofile-generate=$STANDIN_PROFILE"
fi
profile=${0%/*}/proxy.profdata
if [ ! -f "$profile" ]; then
    exec "$compiler" "$@"
fi
# A function that has changed since is built as if nothing was known of it, and that is nothing to warn of.
exec "$compiler" "$@" "-Cprofile-use=$profile" -Cllvm-args=-no-pgo-warn-mismatch
