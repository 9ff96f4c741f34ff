//! From its start to its end: what the binary does with a wrong file, a changed file, a taken port and a signal.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Output},
    time::Duration,
};

use standin_core::Dialect;
use standin_testkit::{
    Play, ScriptedUpstream,
    grammar::{self, Ending},
    sse,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{
    faults::{MODEL, content, finish, role, whole_answer},
    gateway::{Gateway, Upstream, binary, chat, configuration},
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
fn a_taken_port_is_one_sentence_and_a_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file =
        configuration("", [Upstream::new("only", "http://127.0.0.1:1/v1").key(KEY).model(MODEL, "words")]);
    let done = run(&["serve", "--listen", &address], &file);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success() && said.contains(&address), "{said}");
    assert!(!said.contains("panicked") && said.trim().lines().count() <= 3, "{said}");
}

#[tokio::test]
async fn told_to_stop_it_finishes_what_it_began_and_begins_nothing_more() {
    let play = Play::sse_head().chunk(role()).chunk(content("Half ")).pause(Duration::from_millis(600));
    let play = play.chunk(content("and half.")).chunk(finish()).chunk(sse::event("[DONE]")).end();
    let upstream = ScriptedUpstream::always(play).await;
    let mut gateway = Gateway::over(only(&upstream, "words")).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    let (_, first) = stream.next().await.unwrap();
    gateway.signal("TERM");
    gateway.says("told to stop").await;
    let rest = stream.rest().await;
    let words = grammar::words(Dialect::OpenaiChat, &[first, rest].concat(), Ending::Complete);
    assert_eq!((words.as_str(), stream.is_complete()), ("Half and half.", true));
    assert!(gateway.ended().await.success(), "a drained gateway ends well");
    assert!(TcpStream::connect(gateway.address()).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let upstream =
        ScriptedUpstream::always(Play::sse_head().chunk(role()).chunk(content("Half")).hang()).await;
    let mut gateway = Gateway::over(only(&upstream, "words")).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    stream.next().await.unwrap();
    gateway.signal("TERM");
    gateway.says("told to stop").await;
    gateway.signal("TERM");
    assert!(!gateway.ended().await.success(), "what was cut short is no success");
}

#[tokio::test]
async fn a_changed_file_is_taken_as_a_whole_or_not_at_all() {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let gateway = Gateway::over(only(&upstream, "words")).await;
    let status = async |alias: &str| gateway.post(ROUTE, &chat(alias, false)).await.status();
    assert_eq!((status("words").await, status("verses").await), (200, 404));

    gateway.rewrite([Upstream::new("only", "no address at all").key(KEY).model(MODEL, "verses")]);
    gateway.signal("HUP");
    gateway.says("kept the old configuration").await;
    assert_eq!((status("words").await, status("verses").await), (200, 404));

    gateway.rewrite(only(&upstream, "verses"));
    gateway.signal("HUP");
    gateway.says("configuration reloaded").await;
    assert_eq!((status("words").await, status("verses").await), (404, 200));
}
