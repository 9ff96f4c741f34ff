//! The figures that a policy has to reach, in the worlds that stand beside this crate.
//!
//! The same by hand: `cargo run --release --bin proxy -- simulate crates/simulate/worlds/weekly.toml`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a helper of tests fails by panicking and says its figures"
)]

use std::{fs, path::Path};

use standin_policy::{Params, UnknownFate};
use standin_simulate::{Baseline, Figures, Policy, World, simulate};

/// Days of one world.
const SEEDS: u64 = 40;
/// Most good requests that may be lost, per thousand that could have been served.
const LOST_MAX: f64 = 0.5;
/// Most calls that may be wasted, per thousand requests.
const WASTED_MAX: f64 = 40.0;

fn world(name: &str) -> World {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds").join(name).with_extension("toml");
    World::read(&file, &fs::read_to_string(&file).unwrap()).unwrap()
}

fn standin(change: impl FnOnce(&mut Params)) -> Policy {
    let mut params = Params::default();
    change(&mut params);
    Policy::Standin(Box::new(params))
}

fn lives(name: &str, policy: &Policy, seeds: u64) -> Figures {
    let world = world(name);
    let mut figures = Figures::default();
    for seed in 1..=seeds {
        figures += simulate(&world, policy, seed).unwrap();
    }
    let (lost, wasted) = (figures.lost_per_1000(), figures.wasted_per_1000());
    println!("{name}, seeds 1 to {seeds}: lost {lost:.2}, wasted {wasted:.1}");
    figures
}

#[test]
fn the_usual_trouble_of_a_day_loses_and_wastes_next_to_nothing() {
    let figures = lives("toy", &standin(|_| {}), SEEDS);
    assert!(figures.lost_per_1000() <= LOST_MAX && figures.wasted_per_1000() <= WASTED_MAX, "{figures:?}");
    assert_eq!(figures.caller_fault_attempts, figures.caller_faults_asked, "one call for a caller's fault");
}

#[test]
fn limits_whose_hints_are_wrong_lose_and_waste_little() {
    let figures = lives("weekly", &standin(|_| {}), SEEDS);
    assert!(figures.lost_per_1000() <= LOST_MAX && figures.wasted_per_1000() <= WASTED_MAX, "{figures:?}");
    assert_eq!(figures.caller_fault_attempts, figures.caller_faults_asked, "one call for a caller's fault");
}

#[test]
fn the_simple_policies_lose_or_waste_far_more() {
    let [rotation, alias, hint] = Baseline::ALL.map(|kind| lives("weekly", &Policy::Baseline(kind), 4));
    assert!(rotation.lost_per_1000() > 100.0 && rotation.wasted_per_1000() > 500.0, "{rotation:?}");
    assert!((rotation.attempts_per_caller_fault() - 3.0).abs() < 1e-9, "{rotation:?}");
    assert!(alias.lost_per_1000() > 300.0, "{alias:?}");
    assert!(hint.lost_per_1000() > 200.0, "{hint:?}");
}

#[test]
fn nothing_is_called_again_after_an_unknown_fate_where_the_operator_says_stop() {
    let stops = lives("lossy", &standin(|params| params.on_unknown_fate = UnknownFate::Stop), 4);
    assert_eq!(stops.possible_duplicates, 0);
    assert!(stops.lost > 0, "what is not repeated is reported: {stops:?}");
    let goes_on = lives("lossy", &standin(|_| {}), 4);
    assert!(goes_on.possible_duplicates > 0 && goes_on.lost_per_1000() < 0.1, "{goes_on:?}");
}

#[test]
fn ten_minutes_of_outage_at_fifty_a_second_are_not_made_worse_by_retries() {
    let figures = lives("storm", &standin(|_| {}), 2);
    // A fifth of the requests, three a second, and the reserve of the retry budget.
    let most = 1.2 * (figures.requests as f64) + 2.0 * 3600.0 * 3.0 + 2.0 * 10.0;
    assert!((figures.attempts as f64) < most, "{figures:?}");
    assert!(figures.lost_per_1000() < 0.1, "{figures:?}");
}

#[test]
fn the_same_seed_lives_the_same_day_and_another_seed_another() {
    let (world, policy) = (world("toy"), standin(|_| {}));
    let day = |seed| simulate(&world, &policy, seed).unwrap();
    assert_eq!(day(7), day(7));
    assert_ne!(day(7), day(8));
}

#[test]
fn a_policy_that_suspends_nothing_wastes_what_the_memory_would_have_saved() {
    let without = lives("toy", &standin(|params| params.suspend = false), 2);
    let with = lives("toy", &standin(|_| {}), 2);
    assert!(without.wasted > 10 * with.wasted, "{} and {}", without.wasted, with.wasted);
}
