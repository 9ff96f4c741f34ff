//! Paths, methods, names and headers that nobody should send.

use serde_json::Value;
use standin_testkit::{Play, ScriptedUpstream, client};

use super::{ROUTE, bearer, stage};
use crate::{
    faults::{MODEL, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, chat},
};

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
async fn a11_a13_a14_headers_stay_on_their_side_of_the_gateway() {
    let answer = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"tiny-1","choices":[{"index":0,"message":{"role":"assistant","content":"words"},"finish_reason":"stop"}]}"#;
    let theirs = [
        ("content-type", "application/json"),
        ("set-cookie", "session=1"),
        ("alt-svc", "h3=\":443\""),
        ("strict-transport-security", "max-age=1"),
        ("server", "secret-upstream/1"),
        ("openai-organization", "org-theirs"),
        ("connection", "keep-alive, openai-model"),
        ("keep-alive", "timeout=5"),
        ("openai-model", "named-by-connection"),
        ("x-request-id", "req-theirs"),
    ];
    let upstream = ScriptedUpstream::always(Play::reply(200, &theirs, answer)).await;
    let only = Upstream::new("only", &upstream.base_url()).key(super::KEY).model(MODEL, "words");
    let gateway = Gateway::over([only]).await;
    let ours = [
        ("connection", "x-note, keep-alive, openai-beta"),
        ("x-note", "named by connection"),
        ("openai-beta", "named by connection too"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("proxy-authorization", "Basic x"),
        ("upgrade", "foo"),
        ("cookie", "a=b"),
        ("x-api-key", "placeholder-of-a-library"),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("openai-organization", "org-ours"),
        ("anthropic-beta", "x"),
        ("content-type", "application/json"),
    ];
    let reply = ask(&gateway, "POST", ROUTE, &ours).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let mut named: Vec<_> = reply.head.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    named.sort();
    assert_eq!(named, ["content-length", "content-type", "date", "x-request-id", "x-upstream-request-id"]);
    let sent = upstream.received().pop().unwrap();
    let mut named: Vec<_> = sent.head.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
    named.sort();
    let expected = [
        "accept",
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-standin-hops",
    ];
    assert_eq!((named.as_slice(), sent.key()), (&expected.map(str::to_owned)[..], super::KEY));
}

#[tokio::test]
async fn a12_a_request_that_comes_back_is_refused_as_a_loop() {
    let (gateway, upstream) = stage("").await;
    let json = ("content-type", "application/json");
    for (hops, status) in [("2", 200), ("3", 502), ("4294967295", 502)] {
        let reply = ask(&gateway, "POST", ROUTE, &[json, ("x-standin-hops", hops)]).await;
        assert_eq!(reply.status(), status, "{hops}: {}", reply.text());
        assert!(status == 200 || reply.text().contains("loop_detected"), "{}", reply.text());
    }
    assert_eq!(upstream.received().len(), 1);
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
            let upstream = ScriptedUpstream::always(whole_answer()).await;
            let only = Upstream::new("only", &upstream.base_url()).key(super::KEY).model(MODEL, "words");
            (Gateway::logging("trace", format, "", [only]).await, upstream)
        };
        let forged = "2026-01-01T00:00:00Z ERROR forged";
        for model in [format!("words\\n{forged}"), "\\u001b[31mred\\u001b[0m".to_owned(), "words".to_owned()]
        {
            let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
            let bearer = bearer();
            let id = "x\",\"level\":\"ERROR\",\"forged\":\"";
            let headers = [("authorization", bearer.as_str()), ("x-request-id", id), ("user-agent", id)];
            let target = format!("{ROUTE}?x=%0a{}", forged.replace(' ', "%20"));
            let request = client::request("POST", &target, &headers, body.as_bytes());
            let status = client::exchange(gateway.address(), &request).await.status();
            assert_eq!(status, if model == "words" { 200 } else { 404 }, "it was read");
        }
        let log = gateway.log();
        assert!(log.contains("request served"), "{format}");
        assert!(!log.contains('\x1b'), "{format}: an escape sequence reached the log");
        let began = |line: &&str| line.starts_with("2026-01-01T00:00:00Z");
        assert_eq!(log.lines().find(began), None, "{format}: a line of the log is the caller's");
        let lines = log.lines().filter(|_| format == "json");
        let forged_field = |line: &str| serde_json::from_str::<Value>(line).unwrap().get("forged").is_some();
        assert!(!lines.into_iter().any(forged_field), "{format}: a field of the log is the caller's");
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
