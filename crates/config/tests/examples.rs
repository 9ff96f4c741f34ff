//! Every file that users are given loads, and the one with all defaults says what the code does without it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use standin_config::{Config, Timeouts, UnknownFate};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

/// Whatever variable is asked for has a value that could be a key.
fn environment(name: &str) -> Option<String> {
    Some(format!("k-of-{}-4711", name.to_ascii_lowercase()))
}

#[test]
fn l7_every_example_loads() {
    // Examples name the files of logins; here they stand in a folder that has them.
    let beside = tempfile::tempdir().unwrap();
    let login = beside.path().join("codex-1.json");
    fs::write(&login, r#"{"tokens":{"access_token":"a","refresh_token":"r"}}"#).unwrap();
    fs::set_permissions(&login, fs::Permissions::from_mode(0o600)).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(folder().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let place = beside.path().join(path.file_name().unwrap());
        match Config::parse(&text, &place, &environment) {
            Ok(config) => assert_eq!(config.warnings, Vec::<String>::new(), "{}", path.display()),
            Err(error) => panic!("{error}"),
        }
        count += 1;
    }
    assert!(count >= 8, "{count} examples");
}

#[test]
fn l7_the_file_of_defaults_says_what_the_code_does() {
    let config = Config::load(&folder().join("proxy.toml"), &environment).unwrap();
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.timeouts, Timeouts::default());
    assert_eq!((upstream.credentials[0].priority, upstream.credentials[0].weight), (0, 1));
    let policy = config.policy;
    assert_eq!(policy.attempts_max, Some(16));
    assert_eq!(policy.soft_retries_max, Some(4));
    assert_eq!((policy.credentials_max, policy.rounds), (Some(0), Some(2)));
    assert_eq!(policy.wait_max, Some(Duration::from_secs(15)));
    assert_eq!(policy.on_unknown_fate, Some(UnknownFate::Continue));
    assert_eq!(
        (policy.suspend, policy.hold_events_max, policy.hold_bytes_max),
        (Some(true), Some(32), Some(65_536))
    );
    assert_eq!(
        (policy.hold_max, policy.keep_alive),
        (Some(Duration::from_secs(10)), Some(Duration::from_secs(15)))
    );
    assert_eq!(policy.probe_max, Some(Duration::from_secs(3600)));
    assert_eq!(policy.last_resort_interval, Some(Duration::from_secs(30)));
    assert_eq!((policy.retry_budget_ratio, policy.retry_budget_per_second), (Some(0.2), Some(3.0)));
    assert_eq!((policy.retry_budget_burst, policy.affinity_ttl), (Some(10), Some(Duration::from_secs(3600))));
}
