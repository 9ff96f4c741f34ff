//! From its start to its end: what the binary does with a wrong file, a changed file, a taken port and a signal.

mod change;
mod drain;

use std::{
    fs,
    net::TcpListener,
    process::{Command, Output},
};

use standin_testkit::ScriptedUpstream;
use tempfile::TempDir;

use crate::{
    faults::MODEL,
    gateway::{Upstream, binary, configuration},
};

const ROUTE: &str = "/v1/chat/completions";
const KEY: &str = "key-of-the-only-account";
/// What a wrong configuration ends with: `EX_CONFIG` of sysexits.
const WRONG_CONFIGURATION: i32 = 78;

fn only(upstream: &ScriptedUpstream, alias: &str) -> [Upstream; 1] {
    [Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, alias)]
}

fn run(arguments: &[&str], file: &str) -> Output {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("proxy.toml");
    fs::write(&path, file).unwrap();
    Command::new(binary()).args(arguments).arg("--config").arg(&path).output().unwrap()
}

#[test]
fn a_wrong_configuration_is_refused_with_line_and_key_before_anything_listens() {
    let file = "listen = \"127.0.0.1:0\"\n\n[policy]\natempts_max = 3\n";
    for command in ["check", "serve"] {
        let done = run(&[command], file);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(WRONG_CONFIGURATION), "{command}: {said}");
        assert!(said.contains("atempts_max") && said.contains('4'), "{command}: {said}");
    }
}

#[test]
fn l5_a_taken_port_is_one_sentence_and_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file =
        configuration("", [Upstream::new("only", "http://127.0.0.1:1/v1").key(KEY).model(MODEL, "words")]);
    let done = run(&["serve", "--listen", &address], &file);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(WRONG_CONFIGURATION), "{said}");
    assert!(said.contains(&address), "{said}");
    assert!(!said.contains("panicked") && said.trim().lines().count() <= 3, "{said}");
}

#[test]
fn l5_what_cannot_be_read_or_used_is_named_in_one_sentence() {
    let upstream = [Upstream::new("only", "http://127.0.0.1:1/v1").key(KEY).model(MODEL, "words")];
    let file = configuration("[tls]\ncert = \"none.pem\"\nkey = \"proxy.toml\"\n", upstream);
    for (file, says) in [
        (file.clone(), "none.pem"),
        (file.replace("none.pem", "proxy.toml"), "find a certificate in PEM"),
        (file.replace("none.pem", "."), "tls.cert: cannot read"),
    ] {
        for command in ["check", "serve"] {
            let done = run(&[command], &file);
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.code(), Some(WRONG_CONFIGURATION), "{command}: {said}");
            assert!(said.contains(says) && said.contains("proxy.toml:"), "{command}: {said}");
            assert!(!said.contains("panicked") && said.trim().lines().count() <= 2, "{command}: {said}");
        }
    }
    let folder = TempDir::new().unwrap();
    for missing in [folder.path().join("none.toml"), folder.path().to_owned()] {
        let done = Command::new(binary()).args(["serve", "--config"]).arg(&missing).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(WRONG_CONFIGURATION), "{said}");
        assert!(said.contains(&missing.display().to_string()) && said.trim().lines().count() == 1, "{said}");
    }
}
