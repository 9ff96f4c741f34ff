//! Files as operators write them: what is accepted, and what is said about what is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use standin_config::{Config, ConfigError, Kind};

const GOOD: &str = r#"
listen = "127.0.0.1:8317"

[[client]]
name = "laptop"
key = "env:STANDIN_KEY"

[[upstream]]
name = "one"
kind = "openai-compat"
base_url = "https://api.one.example/v1"
timeouts = { first_byte = "300s" }

  [[upstream.credential]]
  id = "one-1"
  key = "k-one-1"

  [[upstream.model]]
  name = "org/large"
  alias = ["best"]

[[route]]
alias = "tiered"
tiers = [["one/org/large"]]

[policy]
wait_max = "5s"

[[rule]]
upstream = "one"
status = 400
body_contains = ["arrearage"]
class = "billing"
"#;

fn environment(name: &str) -> Option<String> {
    (name == "STANDIN_KEY").then(|| "a-key-that-is-long-enough".to_owned())
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("proxy.toml"), &environment)
}

/// What is said about `GOOD` with `from` replaced by `to`.
fn said(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    parse(&GOOD.replace(from, to)).unwrap_err().to_string()
}

#[test]
fn two_callers_with_one_key_could_not_be_told_apart() {
    let twice = "[[client]]\nname = \"desk\"\nkey = \"env:STANDIN_KEY\"\n\n[[upstream]]\nname = \"one\"";
    let said = said("[[upstream]]\nname = \"one\"", twice);
    assert!(said.contains("client.key: this is the key of `laptop` too"), "{said}");
}

#[test]
fn a_good_file_is_read_with_every_value() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.clients[0].models, ["*"]);
    assert_eq!(config.upstreams[0].timeouts.first_byte.as_secs(), 300);
    assert_eq!(config.upstreams[0].timeouts.connect.as_secs(), 5);
    assert_eq!(config.upstreams[0].credentials[0].key.expose(), "k-one-1");
    assert_eq!(config.routes[0].tiers[0][0].model, "org/large");
    assert_eq!(config.policy.wait_max.unwrap().as_secs(), 5);
}

#[test]
fn every_mistake_names_file_line_key_and_what_is_accepted() {
    let cases = [
        (
            "listen = \"127.0.0.1:8317\"",
            "lissten = \"x\"",
            "proxy.toml:2:1: lissten: unknown field `lissten`, expected",
        ),
        ("127.0.0.1:8317", "localhost", "proxy.toml:2:10: listen: `localhost` is no address"),
        (
            "openai-compat",
            "openai",
            "proxy.toml:10:8: kind: unknown variant `openai`, expected one of `openai-compat`",
        ),
        (
            "https://api.one.example/v1",
            "ftp://x",
            "upstream.base_url: a base URL begins with http:// or https://",
        ),
        ("https://api.one", "https://user:pass@api.one", "a base URL holds no login"),
        ("\"300s\"", "\"soon\"", "upstream.timeouts.first_byte: `soon` is no duration"),
        ("k-one-1", "YOUR_API_KEY", "proxy.toml:16:9: upstream.credential.key: this is a sample value"),
        ("env:STANDIN_KEY", "env:MISSING", "client.key: the environment variable `MISSING` is not set"),
        ("env:STANDIN_KEY", "short", "client.key: a caller's key has at least 16 characters, this one has 5"),
        ("env:STANDIN_KEY", "file:nowhere.txt", "client.key: cannot read nowhere.txt"),
        (
            "one/org/large",
            "two/org/large",
            "route.tiers: `two/org/large` names no upstream; write UPSTREAM/MODEL",
        ),
        ("one/org/large", "one/small", "upstream `one` declares no model `small`; it declares: org/large"),
        (
            "class = \"billing\"",
            "class = \"quota\"",
            "rule.class: unknown error class `quota`; known are model_unsupported",
        ),
        ("upstream = \"one\"", "upstream = \"two\"", "rule.upstream: there is no upstream `two`"),
        (
            "body_contains = [\"arrearage\"]",
            "body_regex = \"(\"",
            "rule.body_regex: this is no regular expression",
        ),
        (
            "[policy]",
            "[policy]\nattempts_max = 0",
            "policy.attempts_max: 0 is out of range: accepted is 1 to 256",
        ),
        (
            "alias = [\"best\"]",
            "alias = [\"best\", \"best\"]",
            "upstream.model.alias: `best` stands here twice",
        ),
    ];
    for (from, to, expected) in cases {
        let said = said(from, to);
        assert!(said.contains(expected), "{to}\n  said:     {said}\n  expected: {expected}");
    }
}

#[test]
fn k2_without_callers_keys_only_this_machine_may_call() {
    let keyless = GOOD.replace("[[client]]\nname = \"laptop\"\nkey = \"env:STANDIN_KEY\"\n", "");
    assert!(parse(&keyless).unwrap().warnings[0].contains("everybody on this machine"));
    let open = keyless.replace("127.0.0.1", "0.0.0.0");
    let said = parse(&open).unwrap_err().to_string();
    assert!(said.contains("proxy.toml:2:10: listen: others can reach this address"), "{said}");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text =
        GOOD.replace("k-one-1", "changeme").replace("\"300s\"", "\"soon\"").replace("one/org/large", "x/y");
    let ConfigError::Wrong { problems, .. } = parse(&text).unwrap_err() else { panic!("not a list") };
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn s027_a_rule_that_would_match_everything_or_never_is_refused() {
    let all = said("status = 400\nbody_contains = [\"arrearage\"]\n", "");
    assert!(all.contains("a rule needs a status, body_contains or body_regex"), "{all}");
    let none = said("body_contains = [\"arrearage\"]", "body_regex = \"(arrear\"");
    assert!(none.contains("body_regex"), "{none}");
}

#[test]
fn the_environment_alone_makes_upstreams_and_several_keys_rotate() {
    let some = |name: &str| match name {
        "OPENAI_API_KEY" => Some("k-1, k-2".to_owned()),
        "GROQ_API_KEY" => Some("YOUR_GROQ_KEY".to_owned()),
        _ => None,
    };
    let config = Config::from_environment(&some).unwrap();
    let kinds: Vec<_> = config.upstreams.iter().map(|upstream| upstream.kind).collect();
    assert_eq!(kinds, [Kind::OpenaiCompat, Kind::Codex], "OpenAI speaks two dialects");
    let ids: Vec<_> =
        config.upstreams[0].credentials.iter().map(|credential| credential.id.as_str()).collect();
    assert_eq!(ids, ["openai-1", "openai-2"]);
    let none = Config::from_environment(&|_: &str| None).unwrap_err().to_string();
    assert!(none.contains("OPENAI_API_KEY"), "{none}");
}

#[test]
fn no_secret_is_ever_printed() {
    let config = parse(GOOD).unwrap();
    let printed = format!("{config:?}");
    assert!(!printed.contains("k-one-1") && !printed.contains("a-key-that-is"), "{printed}");
}

/// A codex upstream with one login, in a folder that holds its file.
struct LoginFile {
    folder: tempfile::TempDir,
}

impl LoginFile {
    fn new(content: &str, mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codex-1.json");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self { folder }
    }

    fn parse(&self, credential: &str, more: &str) -> Result<Config, ConfigError> {
        let text = format!(
            "[[client]]\nname = \"a\"\nkey = \"env:STANDIN_KEY\"\n\n[[upstream]]\nname = \"chatgpt\"\nkind = \"codex\"\n{more}\n\
             [[upstream.credential]]\nid = \"one\"\n{credential}\n[[upstream.model]]\nname = \"gpt\"\n"
        );
        Config::parse(&text, &self.folder.path().join("proxy.toml"), &environment)
    }
}

const LOGIN: &str = r#"{"tokens":{"access_token":"hunter2","refresh_token":"hunter3"}}"#;

#[test]
fn a_login_is_found_beside_the_file_and_opens_another_address_than_a_key() {
    let file = LoginFile::new(LOGIN, 0o600);
    let config = file.parse("login = \"codex-1.json\"", "").unwrap();
    let upstream = &config.upstreams[0];
    assert_eq!(upstream.credentials[0].login.as_deref(), Some(&*file.folder.path().join("codex-1.json")));
    assert_eq!(upstream.base_url, "https://chatgpt.com/backend-api/codex");
    assert_eq!(config.warnings, Vec::<String>::new());
    let keyed = file.parse("key = \"sk-real-1\"", "").unwrap();
    assert_eq!(keyed.upstreams[0].base_url, "https://api.openai.com/v1");
}

#[test]
fn k10_a_login_that_others_can_read_is_warned_about() {
    let warnings = LoginFile::new(LOGIN, 0o644).parse("login = \"codex-1.json\"", "").unwrap().warnings;
    assert!(warnings[0].contains("mode 644") && warnings[0].contains("chmod 600"), "{warnings:?}");
}

#[test]
fn what_is_wrong_with_a_login_is_said_with_its_place_and_without_its_tokens() {
    let good = "login = \"codex-1.json\"";
    let cases = [
        (LOGIN, "login = \"nowhere.json\"", "", "proxy.toml:11:9: upstream.credential.login: cannot read"),
        ("hunter2", good, "", "is no login: a login file has the shape of the Codex CLI's auth.json"),
        (r#"{"OPENAI_API_KEY":"hunter2"}"#, good, "", "holds no tokens"),
        (LOGIN, "login = \"codex-1.json\"\nkey = \"k-1\"", "", "a key or a login, not both"),
        (
            LOGIN,
            "login = \"codex-1.json\"\n[[upstream.credential]]\nid = \"two\"\nlogin = \"./codex-1.json\"",
            "",
            "is another credential's login already",
        ),
        (
            LOGIN,
            "login = \"codex-1.json\"\n[[upstream.credential]]\nid = \"two\"\nkey = \"k-1\"",
            "",
            "keys and logins are for two addresses",
        ),
        (LOGIN, good, "wire = \"chat\"", "upstream.wire: only kind = \"openai-compat\" chooses a wire"),
        (LOGIN, good, "token_url = \"ftp://x\"", "upstream.token_url: a base URL begins with http"),
    ];
    for (content, credential, more, expected) in cases {
        let said = LoginFile::new(content, 0o600).parse(credential, more).unwrap_err().to_string();
        assert!(said.contains(expected), "{credential}\n  said:     {said}\n  expected: {expected}");
        assert!(!said.contains("hunter"), "{said}");
    }
    let file = LoginFile::new(LOGIN, 0o600);
    let text = "[[upstream]]\nname = \"a\"\nkind = \"openai-compat\"\n[[upstream.credential]]\nid = \"one\"\nlogin = \"codex-1.json\"\n";
    let said = Config::parse(text, &file.folder.path().join("p.toml"), &environment).unwrap_err().to_string();
    assert!(said.contains("an openai-compat upstream needs its address"), "{said}");
    assert!(said.contains("only kind = \"codex\" has logins"), "{said}");
}
