//! Paths, methods, names and headers that nobody should send.

use serde_json::Value;
use standin_testkit::client;

use super::{ROUTE, bearer, stage};
use crate::gateway::{CALLER_KEY, Gateway, chat};

async fn ask(gateway: &Gateway, method: &str, target: &str, headers: &[(&str, &str)]) -> client::Reply {
    let bearer = bearer();
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend_from_slice(headers);
    let body = if method == "POST" { chat("words", false) } else { Vec::new() };
    client::exchange(gateway.address(), &client::request(method, target, &all, &body)).await
}

/// The shape an error has: which of its fields only one dialect has.
fn dialect(reply: &client::Reply) -> &'static str {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    match () {
        () if body["type"] == "error" => "anthropic",
        () if body["error"]["status"].is_string() => "gemini",
        () if body["error"]["type"].is_string() => "openai",
        () => "none",
    }
}

#[tokio::test]
async fn a10_what_is_not_there_is_told_in_the_dialect_of_its_neighbours() {
    let (gateway, upstream) = stage("").await;
    let text = [("content-type", "text/plain")];
    let none: [(&str, &str); 0] = [];
    let cases = [
        ("POST", "/v1/nothing", &none[..], 404, "openai"),
        ("POST", "/v1/messages/nothing", &none, 404, "anthropic"),
        ("POST", "/v1beta/nothing", &none, 404, "gemini"),
        ("GET", "/nothing", &none, 404, "openai"),
        ("GET", "/v1/chat/completions", &none, 405, "openai"),
        ("DELETE", "/v1/responses", &none, 405, "openai"),
        ("GET", "/v1/messages", &none, 405, "anthropic"),
        ("GET", "/v1beta/models/words:generateContent", &none, 404, "gemini"),
        ("POST", "/v1/chat/completions", &text, 415, "openai"),
        ("POST", "/v1/messages", &text, 415, "anthropic"),
        ("POST", "/v1beta/models/words:generateContent", &text, 415, "gemini"),
        ("PROPFIND", "/v1/chat/completions", &none, 405, "openai"),
    ];
    for (method, target, headers, status, shape) in cases {
        let reply = ask(&gateway, method, target, headers).await;
        assert_eq!((reply.status(), dialect(&reply)), (status, shape), "{method} {target}: {}", reply.text());
        assert!(reply.head.header("x-request-id").is_some(), "{method} {target}");
    }
    assert_eq!(upstream.received().len(), 0);
}

#[tokio::test]
async fn k5_a_page_in_a_browser_gets_nothing_out_of_it() {
    let (gateway, upstream) = stage("").await;
    let origin = ("origin", "https://elsewhere.test");
    let preflight =
        ask(&gateway, "OPTIONS", ROUTE, &[origin, ("access-control-request-method", "POST")]).await;
    assert_eq!(preflight.status(), 405, "{}", preflight.text());
    // What a page may send without asking first.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let reply = ask(&gateway, "POST", ROUTE, &[origin, ("content-type", kind)]).await;
        assert_eq!(reply.status(), 415, "{kind}: {}", reply.text());
    }
    assert_eq!(upstream.received().len(), 0);
    let served = ask(&gateway, "POST", ROUTE, &[origin, ("content-type", "application/json")]).await;
    for reply in [preflight, served] {
        let allows = |(name, _): &&(String, String)| name.to_lowercase().starts_with("access-control");
        assert_eq!(reply.head.headers.iter().find(allows), None);
    }
}

#[tokio::test]
async fn s5_a_model_is_a_name_and_never_a_piece_of_a_path() {
    let (gateway, upstream) = stage("").await;
    let names = [
        "../x",
        "a/b",
        "a%2Fb",
        "a?key=1",
        "a#",
        "a:streamGenerateContent",
        "..",
        "/etc/passwd",
        "a b",
        "words\\r\\nx: y",
        "words\\u0000",
        "words/../words",
        "only/../words",
    ];
    for name in names {
        let body = format!(r#"{{"model":"{name}","messages":[]}}"#);
        let reply = gateway.post(ROUTE, body.as_bytes()).await;
        assert_eq!(reply.status(), 404, "{name}: {}", reply.text());
    }
    for segment in ["..%2Fx", "a%2Fb", "a%3Fkey=1", "a%23", "%2e%2e%2fwords", "words%0d%0ax", "words%00"] {
        let target = format!("/v1beta/models/{segment}:generateContent");
        let reply = ask(&gateway, "POST", &target, &[("content-type", "application/json")]).await;
        assert_eq!((reply.status(), dialect(&reply)), (404, "gemini"), "{segment}: {}", reply.text());
    }
    assert_eq!(upstream.received().len(), 0, "no upstream hears of any of them");
}

#[tokio::test]
async fn s6_a_value_that_would_be_two_lines_goes_nowhere() {
    let (gateway, upstream) = stage("").await;
    let head =
        format!("POST {ROUTE} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {CALLER_KEY}\r\n");
    for value in ["a\rb", "a\0b", "a\x01b", "a\x7fb"] {
        let body = String::from_utf8(chat("words", false)).unwrap();
        let request = format!("{head}openai-beta: {value}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let reply = client::exchange(gateway.address(), request.as_bytes()).await;
        assert_eq!(reply.status(), 400, "{}", value.escape_debug());
    }
    assert_eq!(upstream.received().len(), 0);
}

#[tokio::test]
async fn s7_what_a_caller_writes_stays_within_its_line_of_the_log() {
    for format in ["text", "json"] {
        let (gateway, _upstream) = {
            let upstream = standin_testkit::ScriptedUpstream::always(crate::faults::whole_answer()).await;
            let only = crate::gateway::Upstream::new("only", &upstream.base_url()).key(super::KEY);
            let only = only.model(crate::faults::MODEL, "words");
            (Gateway::logging("trace", format, "", [only]).await, upstream)
        };
        let forged = "2026-01-01T00:00:00Z ERROR forged";
        for model in [format!("words\\n{forged}"), "\\u001b[31mred\\u001b[0m".to_owned(), "words".to_owned()]
        {
            let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
            let bearer = bearer();
            let id = "\x1b[2J";
            let headers = [("authorization", bearer.as_str()), ("x-request-id", id), ("user-agent", id)];
            let _ = client::exchange(
                gateway.address(),
                &client::request(
                    "POST",
                    &format!("{ROUTE}?x=%0a{}", forged.replace(' ', "%20")),
                    &headers,
                    body.as_bytes(),
                ),
            )
            .await;
        }
        let log = gateway.log();
        assert!(!log.contains('\x1b'), "{format}: an escape sequence reached the log");
        let began = |line: &&str| line.starts_with("2026-01-01T00:00:00Z");
        assert_eq!(log.lines().find(began), None, "{format}: a line of the log is the caller's");
    }
}

#[test]
fn l7_the_limits_that_are_documented_are_those_of_the_file_of_defaults() {
    let read = |file: &str| std::fs::read_to_string(crate::repository::root().join(file)).unwrap();
    let (defaults, document) = (read("config/proxy.toml"), read("docs/operations.md"));
    let table = defaults.split("[limits]\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let keys =
        table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_once(" = ").unwrap());
    for (key, value) in keys.inspect(|pair| println!("{pair:?}")) {
        let shown = match value.trim_matches('"') {
            bytes if key.ends_with("bytes_max") => {
                let kib = bytes.parse::<usize>().unwrap() >> 10;
                if kib >= 1024 { format!("{} MiB", kib >> 10) } else { format!("{kib} KiB") }
            }
            time => time.strip_suffix('s').map_or_else(|| time.to_owned(), |seconds| format!("{seconds} s")),
        };
        let row = document
            .lines()
            .find(|line| line.contains(&format!("`{key}`")) || line.contains(&format!("`limits.{key}`")));
        assert!(row.is_some_and(|row| row.contains(&shown)), "{key} = {shown}: {row:?}");
    }
}
