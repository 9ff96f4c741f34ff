//! Keys that are none, and files that others may read: said before anything listens.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use standin_config::Config;

/// Keys that stand in published examples of gateways and clients, and were found in use.
const SAMPLES: [&str; 12] = [
    "your-api-key-1",
    "your-api-key-2",
    "your-api-key-3",
    "YOUR_API_KEY_GOES_HERE",
    "<your-proxy-api-key>",
    "sk-your-key-goes-here",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxx",
    "changeme-changeme-changeme",
    "CHANGE_ME_BEFORE_YOU_START",
    "example-key-for-the-docs",
    "placeholder-placeholder",
    "0000000000000000",
];

fn file(client: &str, token: &str, upstream: &str) -> String {
    format!(
        "listen = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\ntoken = {token:?}\n\
         [[client]]\nname = \"laptop\"\nkey = {client:?}\n\
         [[upstream]]\nname = \"one\"\nkind = \"openai-compat\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
         [[upstream.credential]]\nid = \"one-1\"\nkey = {upstream:?}\n\
         [[upstream.model]]\nname = \"m\"\n"
    )
}

const CLIENT: &str = "a-key-of-a-laptop-4711";
const TOKEN: &str = "a-token-of-an-operator-4711";
const UPSTREAM: &str = "k-4711";

fn said(text: &str) -> String {
    Config::parse(text, Path::new("proxy.toml"), &|_: &str| None).unwrap_err().to_string()
}

#[test]
fn k1_every_published_sample_is_refused_with_its_line_and_is_not_repeated() {
    for sample in SAMPLES {
        for (text, place) in [
            (file(sample, TOKEN, UPSTREAM), "proxy.toml:7:7: client.key: this is a sample value"),
            (file(CLIENT, sample, UPSTREAM), "proxy.toml:4:9: admin.token: this is a sample value"),
            (file(CLIENT, TOKEN, sample), "proxy.toml:14:7: upstream.credential.key: this is a sample value"),
        ] {
            let said = said(&text);
            assert!(said.contains(place), "{sample}: {said}");
            assert!(!said.contains(sample), "{sample} is repeated: {said}");
        }
    }
}

#[test]
fn k9_nothing_spaces_and_short_keys_open_no_door() {
    for key in ["", "   ", "\t\n", "changeme", "short-key-15chr"] {
        assert!(said(&file(key, TOKEN, UPSTREAM)).contains("proxy.toml:7:7: client.key:"), "{key:?}");
        assert!(said(&file(CLIENT, key, UPSTREAM)).contains("proxy.toml:4:9: admin.token:"), "{key:?}");
    }
    let empty = Path::new("empty-key");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(empty), " \n").unwrap();
    let text = file("file:empty-key", TOKEN, UPSTREAM);
    let error = Config::parse(&text, &folder.path().join("proxy.toml"), &|_: &str| None).unwrap_err();
    assert!(error.to_string().contains("is empty"), "{error}");
    // An empty variable is none.
    let unset = said(&file("env:EMPTY", TOKEN, UPSTREAM));
    assert!(unset.contains("`EMPTY` is not set"), "{unset}");
}

#[test]
fn k10_a_file_with_secrets_that_others_may_read_is_a_warning_wherever_the_secret_stands() {
    let folder = tempfile::tempdir().unwrap();
    let (path, key) = (folder.path().join("proxy.toml"), folder.path().join("key"));
    let modes = |of_file: u32, of_key: u32| {
        fs::set_permissions(&path, fs::Permissions::from_mode(of_file)).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(of_key)).unwrap();
        let config = Config::load(&path, &|_: &str| Some("a-key-of-the-environment".to_owned())).unwrap();
        let warned = |file: &Path| {
            let shown = format!("others can get at {} (mode", file.display());
            config.warnings.iter().any(|warning| warning.starts_with(&shown))
        };
        (warned(&path), warned(&key))
    };
    fs::write(&key, UPSTREAM).unwrap();
    fs::write(&path, file(CLIENT, TOKEN, "file:key")).unwrap();
    assert_eq!(modes(0o600, 0o600), (false, false));
    assert_eq!(modes(0o640, 0o644), (true, true));
    assert_eq!(modes(0o604, 0o400), (true, false));
    // A file without a secret in it may be read by everybody.
    fs::write(&path, file("env:KEY", "env:TOKEN", "file:key")).unwrap();
    assert_eq!(modes(0o644, 0o600), (false, false));
}
