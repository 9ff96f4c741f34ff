//! How fast days are lived through: only the optimised code can be held to that (`just speed`), and only on a machine
//! with little else to do, because whoever shares a core's caches slows it down.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{fs, path::Path, time::Duration};

use standin_simulate::{Policy, World, simulate};

/// Requests that one core has to live through in a second.
const SPEED_MIN: f64 = 1_000_000.0;
/// Days of one measurement, and measurements of which the best counts: others use the machine too.
const DAYS: u64 = 8;
const TRIES: usize = 5;

/// What this thread has had of a core; the time it was kept waiting does not count.
fn on_core() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}

fn speed(world: &World, policy: &Policy) -> f64 {
    let began = on_core();
    let requests: u64 = (1..=DAYS).map(|seed| simulate(world, policy, seed).unwrap().requests).sum();
    #[expect(clippy::cast_precision_loss, reason = "days have far fewer than 2^53 requests")]
    let requests = requests as f64;
    requests / (on_core() - began).as_secs_f64()
}

#[test]
#[cfg_attr(debug_assertions, ignore = "needs the optimiser: `just speed`")]
fn a_core_lives_through_a_million_requests_a_second_with_every_invariant_watched() {
    for name in ["toy", "weekly"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds").join(name).with_extension("toml");
        let world = World::read(&file, &fs::read_to_string(&file).unwrap()).unwrap();
        let policy = Policy::Standin(Box::default());
        let best = (0..TRIES).map(|_| speed(&world, &policy)).fold(0.0, f64::max);
        println!("{name}: {:.2} million requests per second and core", best / 1e6);
        assert!(best >= SPEED_MIN, "{name}: {best:.0} requests per second and core");
    }
}
