//! What a person reads whose world or policy file is wrong: file, line, key, and what is accepted.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

use std::{path::Path, time::Duration};

use standin_simulate::{World, read_policy};

const WORLD: &str = include_str!("../worlds/weekly.toml");

fn of_world(from: &str, to: &str) -> String {
    assert!(WORLD.contains(from), "{from}");
    World::read(Path::new("w.toml"), &WORLD.replacen(from, to, 1)).unwrap_err().to_string()
}

fn of_policy(text: &str) -> String {
    read_policy(Path::new("p.toml"), text).unwrap_err().to_string()
}

#[test]
fn a_value_of_a_world_outside_its_range_is_named_with_its_line() {
    assert_eq!(
        of_world("hours = 24", "hours = 0"),
        "w.toml:5: hours: 0 is out of range: accepted is 1 to 744"
    );
    assert_eq!(
        of_world("random_5xx = 0.01", "random_5xx = 1.5"),
        "w.toml:18: faults.random_5xx: 1.5 is out of range: accepted is 0 to 1"
    );
    assert_eq!(
        of_world("hinted = 0.5", "hinted = -1.0"),
        "w.toml:22: faults.quota.hinted: -1 is out of range: accepted is 0 to 1"
    );
    assert_eq!(
        of_world("burst_size = 64", "burst_size = 0"),
        "w.toml:14: traffic.burst_size: 0 is out of range: accepted is 1 to 4096"
    );
}

#[test]
fn a_key_that_is_unknown_missing_or_of_the_wrong_kind_is_named_with_its_line() {
    let unknown = of_world("caller_faults", "caler_faults");
    assert!(
        unknown.starts_with("w.toml:11: caler_faults: unknown field `caler_faults`, expected"),
        "{unknown}"
    );
    let missing = of_world("models = 4\n", "");
    assert!(missing.contains("missing field `models`"), "{missing}");
    let wrong = of_world("hint = \"5d\"", "hint = \"5 moons\"");
    assert!(wrong.starts_with("w.toml:34: hint: `5 moons` is no duration"), "{wrong}");
    let reversed = of_world("call = [\"400ms\", \"4s\"]", "call = [\"4s\", \"400ms\"]");
    assert!(reversed.starts_with("w.toml:12: call: `4s` is more than `400ms`"), "{reversed}");
}

#[test]
fn a_policy_file_is_the_policy_table_with_or_without_its_head() {
    for text in [
        "rounds = 1\nwait_max = \"3s\"\n",
        "listen = \"127.0.0.1:1\"\n[policy]\nrounds = 1\nwait_max = \"3s\"",
    ] {
        let params = read_policy(Path::new("p.toml"), text).unwrap();
        assert_eq!((params.rounds, params.wait_max), (1, Duration::from_secs(3)));
        assert_eq!(params.attempts_max, 16, "what is not said keeps its default");
    }
}

#[test]
fn a_policy_file_that_cannot_be_meant_is_refused_with_line_and_key() {
    assert_eq!(
        of_policy("rounds = 1\nattempts_max = 0\n"),
        "p.toml:2: attempts_max: 0 is out of range: accepted is 1 to 256"
    );
    assert_eq!(
        of_policy("[policy]\n\nretry_budget_per_second = 0.0\n"),
        "p.toml:3: policy.retry_budget_per_second: 0 is out of range: accepted is 0.001 or more"
    );
    let unknown = of_policy("[policy]\nround = 1\n");
    assert!(unknown.starts_with("p.toml:2: round: unknown field `round`"), "{unknown}");
    assert!(of_policy("wait_max = 15").starts_with("p.toml:1: wait_max: invalid type: integer `15`"));
}

#[test]
fn the_world_that_the_documents_show_is_one() {
    let text = include_str!("../../../docs/simulation.md");
    let world = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(World::read(Path::new("docs/simulation.md"), world).unwrap().name, "mine");
}
