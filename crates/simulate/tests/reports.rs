//! What a person reads after a comparison, and what is said to one who asks for what is not there.

use std::{fs, path::Path, time::SystemTime};

use standin_core::{Clock, Moment};
use standin_simulate::Comparison;

/// Time stands still: nothing here measures speed.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Moment {
        Moment::ZERO
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

const WORLD: &str = "name = \"hour\"\nhours = 1\ncredentials = 2\nmodels = 1\n\
    [traffic]\nrequests_per_hour = 60\ncaller_faults = 0.0\ncall = [\"1s\", \"2s\"]\n[faults]\n";

/// The lines of a report, or of an error with everything behind it.
fn lines(world: &Path, policies: &[&Path], seed: u64, seeds: u64) -> Vec<String> {
    let policies = policies.iter().map(|file| file.to_path_buf()).collect();
    let told = match (Comparison { world: world.to_owned(), policies, seed, seeds }).run(&Still) {
        Ok(report) => report.to_string(),
        Err(error) => error.to_string(),
    };
    told.lines().map(str::to_owned).collect()
}

#[test]
fn a_report_says_which_seeds_it_is_about_and_how_to_have_it_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let (world, policy) = (folder.path().join("my world.toml"), folder.path().join("policy.toml"));
    fs::write(&world, WORLD).unwrap();
    fs::write(&policy, "rounds = 1").unwrap();
    let shown = (world.display(), policy.display());

    let one = lines(&world, &[], 7, 1);
    assert!(one[0].starts_with("world hour, seed 7: "), "{one:?}");
    assert_eq!(*one.last().unwrap(), format!("once more: proxy simulate '{}' --seed 7 --seeds 1", shown.0));

    let several = lines(&world, &[&policy], 2, 3);
    assert!(several[0].starts_with("world hour, seeds 2 to 4: "), "{several:?}");
    let once_more =
        format!("once more: proxy simulate '{}' --policy {} --seed 2 --seeds 3", shown.0, shown.1);
    assert_eq!(*several.last().unwrap(), once_more);
}

#[test]
fn who_asks_for_a_policy_by_name_learns_which_ones_are_always_there() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world.toml");
    fs::write(&world, WORLD).unwrap();
    let told = lines(&world, &[Path::new("trust-the-hint")], 1, 1);
    assert_eq!(
        told,
        ["read policy trust-the-hint, which has to be a file with keys of [policy]; always compared are \
          standin, stateless rotation, one key per (credential, alias), trust the hint"]
    );
    assert_eq!(lines(Path::new("nowhere.toml"), &[], 1, 1), ["read world nowhere.toml"]);
}
