//! Streams whose first word is late, in every dialect and framing: kept alive, moved on, ended in the stream itself.

use std::fmt::Write;

use serde_json::json;
use standin_testkit::{
    Play, Received, ScriptedUpstream,
    grammar::{self, Ending},
};

use crate::{
    clients::speech::{Dialect, Said},
    gateway::Gateway,
};

/// Limits so short that a test can wait for them.
const POLICY: &str = "[policy]\nhold_max = \"300ms\"\nkeep_alive = \"200ms\"\nwait_max = \"0s\"\n";
/// How long the first word is waited for: longer than any of these limits.
const LATE: std::time::Duration = std::time::Duration::from_millis(1_200);

/// A dialect as a caller asks for it: Gemini has two framings.
type Way = (Dialect, &'static str, &'static str);
const WAYS: [Way; 5] = [
    (Dialect::Chat, "", ": keep-alive\n\n"),
    (Dialect::Responses, "", ": keep-alive\n\n"),
    (Dialect::Messages, "", "event: ping\ndata: {\"type\":\"ping\"}\n\n"),
    (Dialect::Gemini, "?alt=sse", "\n"),
    (Dialect::Gemini, "", "\n"),
];

/// What the first credential of a name does; the second one answers at once.
const SCENES: [(&str, usize); 4] = [("late", 1), ("moved", 2), ("lost", 1), ("cut", 1)];

fn play(dialect: Dialect, request: &Received) -> Play {
    let (_, model) = dialect.read(request.target(), &request.body);
    let events = dialect.stream(&model, &Said::words(&["When one ", "cannot go on"]));
    let send = |play: Play, events: &[String]| events.iter().fold(play, Play::chunk);
    let begun = send(Play::sse_head(), &events.opening);
    let whole = |begun| send(send(begun, &events.content), &events.closing).end();
    match (model.as_str(), request.key()) {
        ("late", _) => whole(begun.pause(LATE)),
        ("moved", "key-1") | ("lost", _) => begun.pause(LATE).chunk(dialect.error_event(&model)).end(),
        ("cut", _) => send(begun, &events.content[..1]).cut(),
        _ => whole(begun),
    }
}

fn tables(dialect: Dialect, upstream: &ScriptedUpstream) -> String {
    let kind = match dialect {
        Dialect::Chat => "kind = \"openai-compat\"",
        Dialect::Responses => "kind = \"openai-compat\"\nwire = \"responses\"",
        Dialect::Messages => "kind = \"anthropic\"",
        Dialect::Gemini => "kind = \"gemini\"",
    };
    let mut text = POLICY.to_owned();
    for (scene, credentials) in SCENES {
        let base_url = format!("http://{}", upstream.address());
        writeln!(text, "[[upstream]]\nname = {scene:?}\n{kind}\nbase_url = {base_url:?}").unwrap();
        for number in 1..=credentials {
            let (id, key) = (format!("{scene}-{number}"), format!("key-{number}"));
            writeln!(text, "[[upstream.credential]]\nid = {id:?}\nkey = {key:?}\npriority = {}", 9 - number)
                .unwrap();
        }
        writeln!(text, "[[upstream.model]]\nname = {scene:?}").unwrap();
    }
    text
}

async fn stage(dialect: Dialect) -> (Gateway, ScriptedUpstream) {
    let upstream = ScriptedUpstream::start(move |request| play(dialect, request)).await;
    let gateway = Gateway::with(&tables(dialect, &upstream), []).await;
    (gateway, upstream)
}

/// A request for a stream from `scene`.
fn question(dialect: Dialect, query: &str, scene: &str) -> (String, Vec<u8>) {
    let (path, mut body) = dialect.question(scene);
    if dialect == Dialect::Gemini {
        return (path.replace(":generateContent", ":streamGenerateContent") + query, body.to_string().into());
    }
    body["stream"] = json!(true);
    (path, body.to_string().into_bytes())
}

#[tokio::test]
async fn a_late_first_word_is_preceded_by_what_keeps_a_connection_alive() {
    for (dialect, query, alive) in WAYS {
        let (gateway, _upstream) = stage(dialect).await;
        let (path, body) = question(dialect, query, "late");
        let mut stream = gateway.open(&path, &body).await;
        assert_eq!(stream.head.status(), 200, "{dialect:?}");
        let (_, first) = stream.next().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&first), alive, "{dialect:?} {query}");
        let all = [&first[..], &stream.rest().await].concat();
        let words = grammar::words(dialect.spoken(), &all, Ending::Complete);
        assert_eq!(words, "When one cannot go on", "{dialect:?} {query}");
        assert!(stream.is_complete());
    }
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_word_moves_on_though_its_head_is_out() {
    for (dialect, query, alive) in WAYS {
        let (gateway, upstream) = stage(dialect).await;
        let (path, body) = question(dialect, query, "moved");
        let reply = gateway.post(&path, &body).await;
        assert!(reply.text().starts_with(alive), "{dialect:?} {query}: {}", reply.text());
        let words = grammar::words(dialect.spoken(), &reply.body, Ending::Complete);
        assert_eq!(words, "When one cannot go on", "{dialect:?} {query}");
        assert_eq!((upstream.calls("key-1"), upstream.calls("key-2")), (1, 1), "{dialect:?} {query}");
    }
}

#[tokio::test]
async fn with_nobody_left_the_error_is_the_last_word_of_the_stream_itself() {
    for (dialect, query, alive) in WAYS {
        let (gateway, _upstream) = stage(dialect).await;
        for (scene, starts) in [("lost", alive), ("cut", "")] {
            let (path, body) = question(dialect, query, scene);
            let reply = gateway.post(&path, &body).await;
            assert_eq!(reply.status(), 200, "{dialect:?} {scene}: {}", reply.text());
            assert!(reply.text().starts_with(starts), "{dialect:?} {query} {scene}: {}", reply.text());
            let words = grammar::words(dialect.spoken(), &reply.body, Ending::Failed);
            let said = if scene == "cut" { "When one " } else { "" };
            assert_eq!(words, said, "{dialect:?} {query} {scene}");
            assert!(reply.is_complete);
        }
    }
}
