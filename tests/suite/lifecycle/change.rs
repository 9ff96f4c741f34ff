//! A configuration that changes under a running binary: the file itself, and all that it names.

use std::{fs, time::Duration};

use standin_testkit::{Play, Received, ScriptedUpstream, client, now, sse};

use super::{KEY, ROUTE, only};
use crate::{
    faults::{MODEL, content, finish, role, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, chat, configuration},
};

/// Within what time a change is in use, on a machine that does something else too.
const IN_USE_MAX: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn l3_a_changed_file_is_taken_as_a_whole_or_not_at_all() {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let gateway = Gateway::over(only(&upstream, "words")).await;
    let status = async |alias: &str| gateway.post(ROUTE, &chat(alias, false)).await.status();
    assert_eq!((status("words").await, status("verses").await), (200, 404));

    gateway.rewrite([Upstream::new("only", "no address at all").key(KEY).model(MODEL, "verses")]);
    gateway.signal("HUP");
    gateway.says("kept the old configuration").await;
    assert!(gateway.log().contains("upstream.base_url"), "the reason names the key: {}", gateway.log());
    assert_eq!((status("words").await, status("verses").await), (200, 404));

    gateway.rewrite(only(&upstream, "verses"));
    gateway.signal("HUP");
    gateway.says("configuration reloaded").await;
    assert_eq!((status("words").await, status("verses").await), (404, 200));
}

/// Waits until a request is answered like this, and says how long that took.
async fn becomes(gateway: &Gateway, alias: &str, status: u16) -> Duration {
    let since = now();
    while gateway.post(ROUTE, &chat(alias, false)).await.status() != status {
        let took = now().duration_since(since);
        assert!(took < IN_USE_MAX, "`{alias}` is not {status} after {took:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    now().duration_since(since)
}

#[tokio::test]
async fn l3_a_file_that_is_still_being_written_is_left_alone() {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let gateway = Gateway::over(only(&upstream, "words")).await;
    // Cut where a good file could end: after one of two upstreams.
    let verses = configuration("", only(&upstream, "verses"));
    let more = Upstream::new("more", &upstream.base_url()).key("key-of-one-more").model(MODEL, "prose");
    for length in [verses.len() / 2, verses.len()] {
        fs::write(gateway.file("proxy.toml"), &verses[..length]).unwrap();
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    fs::write(gateway.file("proxy.toml"), format!("{verses}{more}")).unwrap();
    let took = becomes(&gateway, "prose", 200).await;
    println!("in use {took:?} after the last byte");
    let log = gateway.log();
    assert_eq!(log.matches("configuration reloaded").count(), 1, "once, as a whole: {log}");
    assert!(!log.contains("kept the old"), "{log}");
}

#[tokio::test]
async fn l4_a_key_that_changes_in_its_file_is_used_from_then_on_and_streams_go_on() {
    let script = |request: &Received| match request.is_streaming() {
        true => Play::sse_head()
            .chunk(role())
            .chunk(content("Half "))
            .pause(Duration::from_millis(2500))
            .chunk(content("and half."))
            .chunk(finish())
            .chunk(sse::event("[DONE]"))
            .end(),
        false => whole_answer(),
    };
    let upstream = ScriptedUpstream::start(script).await;
    let table = || Upstream::new("only", &upstream.base_url()).key("file:key").model(MODEL, "words");
    let gateway = Gateway::beside(&[("key", "k-first-of-the-account")], "", [table()]).await;
    let mut stream = gateway.open(ROUTE, &chat("words", true)).await;
    stream.next().await.unwrap();
    assert_eq!(gateway.post(ROUTE, &chat("words", false)).await.status(), 200);

    // Written beside it and moved over it, as careful programs do.
    fs::write(gateway.file("key.new"), "k-second-of-the-account").unwrap();
    fs::rename(gateway.file("key.new"), gateway.file("key")).unwrap();
    let since = now();
    loop {
        gateway.post(ROUTE, &chat("words", false)).await;
        let key = upstream.received().pop().unwrap().key().to_owned();
        let took = now().duration_since(since);
        if key == "k-second-of-the-account" {
            println!("a changed key is in use after {took:?}");
            break;
        }
        assert!(took < IN_USE_MAX, "{key} is used after {took:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(String::from_utf8_lossy(&stream.rest().await).contains("[DONE]"), "what had begun goes on");

    // A key that is gone is a mistake, which names its place, and what is there stays.
    fs::remove_file(gateway.file("key")).unwrap();
    gateway.says("kept the old configuration").await;
    assert!(gateway.log().contains("upstream.credential.key"), "{}", gateway.log());
    assert_eq!(gateway.post(ROUTE, &chat("words", false)).await.status(), 200);
    fs::write(gateway.file("key"), "k-third-of-the-account").unwrap();
    let third = |received: &[Received]| received.iter().any(|one| one.key() == "k-third-of-the-account");
    let since = now();
    while !third(&upstream.received()) {
        gateway.post(ROUTE, &chat("words", false)).await;
        assert!(now().duration_since(since) < IN_USE_MAX);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!gateway.log().contains("of-the-account"), "no key in the log");
}

#[tokio::test]
async fn l4_credentials_and_callers_come_and_go_without_a_signal() {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let gateway = Gateway::over(only(&upstream, "words")).await;
    gateway.rewrite([
        only(&upstream, "words").into_iter().next().unwrap(),
        Upstream::new("more", &upstream.base_url()).key("key-of-one-more").model(MODEL, "prose"),
    ]);
    println!("an added credential is in use after {:?}", becomes(&gateway, "prose", 200).await);
    gateway.rewrite(only(&upstream, "words"));
    println!("a removed one is out of use after {:?}", becomes(&gateway, "prose", 404).await);

    let file = fs::read_to_string(gateway.file("proxy.toml")).unwrap();
    fs::write(gateway.file("proxy.toml"), file.replace(CALLER_KEY, "another-caller-0123456789abcdef"))
        .unwrap();
    println!("a caller's old key is refused after {:?}", becomes(&gateway, "words", 401).await);
    let headers = [("authorization", "Bearer another-caller-0123456789abcdef")];
    let request = client::request("POST", ROUTE, &headers, &chat("words", false));
    assert_eq!(client::exchange(gateway.address(), &request).await.status(), 200);
    assert_eq!(upstream.calls(KEY) + upstream.calls("key-of-one-more"), upstream.received().len());
}
