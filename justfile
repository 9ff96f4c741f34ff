# The recipes of this repository. `./test.sh` brings `just` itself when it is missing and runs `just test`.

set shell := ["bash", "-euo", "pipefail", "-c"]

target := env("CARGO_TARGET_DIR", justfile_directory() / "target")
tools := target / "tools"
deny_version := "0.20.2"
fuzz_version := "0.13.2"
auditable_version := "0.7.7"
mutants_version := "27.1.0"
export STANDIN_SKIPS := target / "suite" / "skipped.txt"

# Show what there is.
default:
    @just --list

# Everything that has to hold before and after a change.
test: forget-skips format lint docs deny suite schedules skips

# The long form: all of that, the simulator's speed, a hundred thousand dropped requests, a minute of every fuzz target, what installs a
# gigabyte, crowds at their full size, the instructions of a call against their baseline, and an hour of load with faults.
long seconds="3600": test speed dropped (fuzz "60") heavy crowds (bench-instructions "--quick") (soak seconds "200")

# Tests with servers too heavy for every run.
heavy:
    cargo build --locked --quiet --bin proxy
    cargo test --locked --quiet -p standin-tests --test suite -- --ignored --test-threads=1 long_

# Formatting, without changing anything.
format:
    cargo fmt --all --check

# All lints of all targets are errors.
lint:
    cargo clippy --locked --workspace --all-targets -- -D warnings

# The documentation builds without a warning.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

# Licences, sources and bans of all dependencies; known vulnerabilities where their database can be had.
deny:
    tests/support/deny.sh "{{tools}}" "{{deny_version}}"

# Unit, property, scenario, wire, fault and real-client tests.
suite *filter:
    tests/support/suite.sh "{{target}}" {{filter}}

# The numbered scenarios: number, result, rule and test of each.
scenarios:
    @cargo build --locked --quiet --bin proxy
    @STANDIN_PROXY="{{target}}/debug/proxy" STANDIN_TOOLS="{{tools}}" python3 tests/support/scenarios.py

# The store, and the policy over it, under thread schedules that a model checker makes up; in a folder of its own,
# because all is built with it.
schedules:
    RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR="{{target}}/shuttle" \
        cargo test --locked --quiet -p standin-store --test schedules
    RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR="{{target}}/shuttle" \
        cargo test --locked --quiet -p standin-policy --test interleavings

# Feed every fuzz target, or those that are named, with made-up input for so many seconds each.
fuzz seconds="60" *names:
    tests/support/fuzz.sh "{{target}}" "{{fuzz_version}}" "{{seconds}}" {{names}}

# Change one thing at a time where decisions are made, or in the files that are named: what no test notices is printed.
mutants *files:
    tests/support/mutants.sh "{{target}}" "{{mutants_version}}" {{files}}

# The binary as it is given away, the list of its parts and the checksums of both, in target/dist.
release:
    tests/support/release.sh "{{target}}" "{{tools}}" "{{auditable_version}}"

# The same, twice in two places: both have to be equal, byte for byte.
release-twice:
    tests/support/twice.sh "{{target}}" "{{tools}}" "{{auditable_version}}"

# Slow, stalled and idle callers by the thousand, and bodies by the GiB, against the optimised binary.
crowds:
    cargo build --locked --quiet --release --bin proxy
    ulimit -n "$(ulimit -Hn)"; STANDIN_PROXY="{{target}}/release/proxy" cargo test --locked --quiet \
        -p standin-tests --test suite -- --ignored --nocapture --test-threads=1 edge::

# A hundred thousand requests that are dropped at any await point.
dropped:
    STANDIN_LONG=1 cargo test --locked --quiet -p standin-conductor --test requests -- dropped

# Load with faults for so many seconds at so many requests per second, against the optimised binary: nothing lost,
# nothing leaks and, from two minutes on, nothing grows.
soak seconds="3600" rate="200":
    cargo build --locked --quiet --release --bin proxy
    ulimit -n "$(ulimit -Hn)"; STANDIN_PROXY="{{target}}/release/proxy" STANDIN_SOAK="{{seconds}}" STANDIN_SOAK_RATE="{{rate}}" \
        cargo test --locked --quiet -p standin-tests --test suite -- --nocapture d8_under_load

# A core lives through a million simulated requests a second; only optimised code can, with little else to do.
speed:
    cargo test --locked --quiet --release -p standin-simulate --test speed -- --nocapture

# Measure the fault table of the README anew.
faults:
    cargo build --locked --quiet --bin proxy
    cargo test --locked --quiet -p standin-tests --test suite -- --nocapture a_failing_credential

# Write what is measured now, the demo and the fault table, into the README.
readme:
    cargo build --locked --quiet --bin proxy
    STANDIN_WRITE_README=1 cargo test --locked --quiet -p standin-tests --test suite -- --test-threads=1 \
        the_readme_shows_what_the_demo_says a_failing_credential_is_asked_once

# Every line of the catalogue of faults, and the tests that hold it.
catalogue:
    cargo test --locked --quiet -p standin-tests --test suite -- --nocapture catalogue

# What a call costs, as ratios to nginx and to a bare pass-through; `just bench --quick` takes less than a minute.
bench *args: measured
    @ulimit -n "$(ulimit -Hn)"; "{{target}}/release/standin-bench" run {{args}}

# Instructions and system calls of a call, against the committed baseline; `--update` makes a new one.
bench-instructions *args: measured
    @ulimit -n "$(ulimit -Hn)"; "{{target}}/release/standin-bench" instructions {{args}}

# Take anew what tells the compiler which paths are hot; belongs to a change of the hot path.
profile:
    @ulimit -n "$(ulimit -Hn)"; bench/profile/take.sh "{{target}}"

[private]
measured:
    cargo build --locked --quiet --release --package proxy --package standin-bench

# What the last run left out, and why.
skips:
    @tests/support/skips.sh "$STANDIN_SKIPS"

[private]
forget-skips:
    @mkdir -p "$(dirname "$STANDIN_SKIPS")" && : > "$STANDIN_SKIPS" && rm -f "$(dirname "$STANDIN_SKIPS")/figures.txt"
