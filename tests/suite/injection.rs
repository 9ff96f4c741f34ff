//! Requests that try to choose where a key goes, to change a path, to forge a header or a log line, or to come in
//! without a key.

use std::time::Duration;

use standin_testkit::{Play, ScriptedUpstream, client};

use crate::{
    faults::{MODEL, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, chat},
};

const ROUTE: &str = "/v1/chat/completions";
const KEY: &str = "key-of-the-only-account";

/// A gateway over one upstream that serves, and a place nobody may ever call.
async fn stage() -> (Gateway, ScriptedUpstream, ScriptedUpstream) {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let decoy = ScriptedUpstream::always(whole_answer()).await;
    let table = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    (Gateway::over([table]).await, upstream, decoy)
}

/// Sends bytes as they are, with nothing added, and reads one reply.
async fn raw(gateway: &Gateway, bytes: &[u8]) -> client::Reply {
    client::exchange(gateway.address(), bytes).await
}

fn request(target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let bearer = format!("Bearer {CALLER_KEY}");
    let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    client::request("POST", target, &all, body)
}

#[tokio::test]
async fn k3_s1_no_field_query_or_header_of_a_request_chooses_where_it_goes() {
    let (gateway, upstream, decoy) = stage().await;
    let (url, host) = (decoy.base_url(), decoy.address().to_string());
    let mut requests = Vec::new();
    for field in ["api_base", "base_url", "host", "endpoint", "api_url", "proxy", "custom_llm_provider"] {
        let body = format!(
            r#"{{"model":"words","{field}":"{url}","metadata":{{"{field}":"{url}"}},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        requests.push(request(ROUTE, &[], body.as_bytes()));
        requests.push(request(&format!("{ROUTE}?{field}={url}"), &[], &chat("words", false)));
    }
    let names = [
        "x-base-url",
        "x-api-base",
        "x-forwarded-host",
        "x-host",
        "x-openai-base-url",
        "x-original-url",
        "forwarded",
    ];
    for name in names {
        requests.push(request(ROUTE, &[(name, &url)], &chat("words", false)));
    }
    let host_header = String::from_utf8(request(ROUTE, &[], &chat("words", false))).unwrap();
    requests.push(host_header.replace("host: gateway.test", &format!("host: {host}")).into_bytes());
    // An absolute target, as one asks a forward proxy.
    requests.push(request(&format!("http://{host}{ROUTE}"), &[], &chat("words", false)));
    for bytes in &requests {
        let reply = raw(&gateway, bytes).await;
        assert!(
            matches!(reply.status(), 200 | 400 | 404),
            "{}: {}",
            reply.status(),
            String::from_utf8_lossy(bytes)
        );
    }
    assert!(decoy.received().is_empty(), "somebody chose where a request goes: {:?}", decoy.received());
    let received = upstream.received();
    assert!(received.len() > 20, "most of them went where they belong: {}", received.len());
    for seen in &received {
        assert_eq!(
            (seen.target(), seen.key()),
            (ROUTE, KEY),
            "only the path and the key of the configuration"
        );
        assert_eq!(seen.head.header("host"), Some(upstream.address().to_string().as_str()));
    }
}

#[tokio::test]
async fn s1_s2_addresses_in_a_request_are_passed_on_as_they_are_and_nobody_opens_them() {
    let (gateway, upstream, decoy) = stage().await;
    let inner = [
        "http://127.0.0.1/",
        "http://0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
    ];
    for url in inner.into_iter().map(str::to_owned).chain([decoy.base_url()]) {
        let body = format!(
            r#"{{"model":"words","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"{url}"}}}}]}}]}}"#
        );
        let reply = raw(&gateway, &request(ROUTE, &[], body.as_bytes())).await;
        assert_eq!(reply.status(), 200, "{url}");
        let sent = upstream.received().pop().unwrap();
        assert_eq!(String::from_utf8_lossy(&sent.body), body.replace("\"words\"", "\"tiny-1\""), "{url}");
    }
    assert!(decoy.received().is_empty());
}

#[tokio::test]
async fn s4_an_upstream_that_points_elsewhere_gets_nobody_there() {
    let decoy = ScriptedUpstream::always(whole_answer()).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{}{ROUTE}", decoy.address());
        let play = Play::reply(status, &[("location", &location)], "");
        let upstream = ScriptedUpstream::always(play).await;
        let table = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
        let gateway = Gateway::with("policy = { rounds = 0 }", [table]).await;
        let reply = gateway.post(ROUTE, &chat("words", false)).await;
        assert_eq!(reply.status(), 502, "{status}: {}", reply.text());
        assert!(reply.head.header("location").is_none() && !reply.text().contains(&location), "{status}");
    }
    assert!(decoy.received().is_empty(), "a key went where an upstream pointed: {:?}", decoy.received());
}

#[tokio::test]
async fn s5_a_model_name_that_would_change_a_path_is_an_unknown_model() {
    let (gateway, upstream, _decoy) = stage().await;
    let names = [
        "../x",
        "a/b",
        "a%2Fb",
        "a?key=1",
        "a#b",
        "a:streamGenerateContent",
        "a\\r\\nx: y",
        "only/../x",
        ".",
        "\\u0000",
    ];
    for name in names {
        let body = format!(r#"{{"model":"{name}","messages":[{{"role":"user","content":"hi"}}]}}"#);
        for route in [ROUTE, "/v1/responses", "/v1/messages"] {
            let reply = raw(&gateway, &request(route, &[], body.as_bytes())).await;
            assert!(
                matches!(reply.status(), 400 | 404),
                "{route} {name}: {} {}",
                reply.status(),
                reply.text()
            );
        }
    }
    for segment in
        ["..%2Fx", "a%2Fb", "a%3Fkey=1", "a%23", "a%0d%0ax:%20y", "%2e%2e", "a:streamGenerateContent"]
    {
        let path = format!("/v1beta/models/{segment}:generateContent");
        let reply = raw(&gateway, &request(&path, &[], br#"{"contents":[]}"#)).await;
        assert!(matches!(reply.status(), 400 | 404), "{path}: {} {}", reply.status(), reply.text());
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

#[tokio::test]
async fn s6_line_ends_and_nul_in_a_header_are_refused() {
    let (gateway, upstream, _decoy) = stage().await;
    for value in ["a\0b", "a\rb", "a\r\n folded", "a\nx-injected: yes", "\u{7f}"] {
        let bytes = request(ROUTE, &[("user-agent", value)], &chat("words", false));
        let reply = raw(&gateway, &bytes).await;
        let is_two_headers = value.contains('\n') && !value.contains("\n ");
        assert!(reply.status() == 400 || is_two_headers, "{value:?}: {}", reply.status());
    }
    for seen in upstream.received() {
        assert!(
            seen.head.header("x-injected").is_none(),
            "what is not listed does not go out: {:?}",
            seen.head
        );
    }
}

#[tokio::test]
async fn s7_nobody_writes_lines_or_colours_into_the_log() {
    let words = "\\u001b[31mred\\u001b[0m\\n2026-01-01T00:00:00Z  INFO forged line";
    let body =
        format!(r#"{{"error":{{"message":"{words}","code":"{words}","type":"{words}","param":"{words}"}}}}"#);
    let upstream = ScriptedUpstream::always(Play::json(500, body)).await;
    let table = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    let gateway = Gateway::logging("trace", "text", "policy = { rounds = 0 }", [table]).await;
    let named = format!(
        r#"{{"model":"{words}","user":"{words}","messages":[{{"role":"user","content":"{words}"}}]}}"#
    );
    raw(&gateway, &request(ROUTE, &[], named.as_bytes())).await;
    raw(&gateway, &request("/v1/%1b%5b31m%0aforged%20line", &[("x-standin-credential", "forged")], b"{}"))
        .await;
    raw(&gateway, &request(ROUTE, &[("session_id", "forged")], &chat("words", false))).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let log = gateway.log();
    assert!(log.contains("request failed"), "{log}");
    assert!(!log.contains('\u{1b}'), "colours: {log:?}");
    assert!(log.lines().all(|line| line.starts_with("20")), "a line that is not ours: {log}");
}

#[tokio::test]
async fn k7_every_route_wants_a_key_however_its_path_is_spelled() {
    let (gateway, upstream, _decoy) = stage().await;
    let routes = [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/responses",
        "/v1/responses/compact",
        "/v1/responses/input_tokens",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/moderations",
        "/v1/images/generations",
        "/v1/audio/speech",
        "/v1/rerank",
        "/v1/models",
        "/v1/models/words",
        "/v1beta/models",
        "/v1beta/models/words",
        "/v1beta/models/words:generateContent",
        "/v1beta/models/words:streamGenerateContent",
        "/v1beta/models/words:countTokens",
        "/admin/clear",
        "/metrics",
        "/debug/pprof",
        "/anything",
    ];
    let odd = [
        "//v1/models",
        "/v1/..;/models",
        "/%2e%2e/v1/models",
        "/v1/models/",
        "/V1/models",
        "/healthz/../v1/models",
        "/healthz?/v1/models",
    ];
    let mut open = Vec::new();
    for path in routes.iter().chain(&odd) {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let body = if method == "GET" { Vec::new() } else { chat("words", false) };
            let bytes = client::request(method, path, &[("content-type", "application/json")], &body);
            let reply = raw(&gateway, &bytes).await;
            // A socket that is asked for is refused before anybody is asked who he is.
            let is_refused = matches!(reply.status(), 400 | 401 | 404 | 405 | 426);
            if !is_refused || reply.text().contains(MODEL) {
                open.push(format!("{method} {path}: {}", reply.status()));
            }
        }
    }
    assert_eq!(open, ["GET /healthz?/v1/models: 200"], "health needs no key and tells nothing");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn k4_whatever_is_no_key_gets_the_same_401() {
    let (gateway, _upstream, _decoy) = stage().await;
    let almost = &CALLER_KEY[..CALLER_KEY.len() - 1];
    let more = format!("{CALLER_KEY}x");
    let long = "k".repeat(32 * 1024);
    let keys = ["x", almost, &more, "\"quoted\"", "%00%", "' OR 1=1 --", "sk-öäü", "Bearer", &long];
    let mut bodies = Vec::new();
    for key in keys {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let reply = raw(&gateway, &client::request("POST", ROUTE, &headers, &chat("words", false))).await;
        assert_eq!(reply.status(), 401, "{key:.40}");
        let id = reply.head.header("x-request-id").unwrap().to_owned();
        bodies.push(reply.text().replace(&id, ""));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one shape: {bodies:#?}");
}

#[tokio::test]
async fn k5_a_web_page_gets_no_permission_and_no_simple_request_through() {
    let (gateway, upstream, _decoy) = stage().await;
    let bearer = format!("Bearer {CALLER_KEY}");
    let page = ("origin", "https://evil.example");
    let plain = [("authorization", bearer.as_str()), ("content-type", "text/plain"), page];
    let simple = raw(&gateway, &client::request("POST", ROUTE, &plain, &chat("words", false))).await;
    assert_eq!(simple.status(), 415, "{}", simple.text());
    let asks = [
        page,
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let preflight = raw(&gateway, &client::request("OPTIONS", ROUTE, &asks, b"")).await;
    assert!(preflight.status() >= 400, "{}", preflight.status());
    for reply in [simple, preflight] {
        let permits = |(name, _): &(String, String)| name.to_lowercase().starts_with("access-control-");
        assert!(!reply.head.headers.iter().any(permits), "{:?}", reply.head);
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn d2_a_caller_who_closes_only_its_half_is_gone_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for play in [Play::silence(), Play::sse_head().chunk(crate::faults::role()).hang()] {
        let upstream = ScriptedUpstream::always(play).await;
        let table = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
        let gateway = Gateway::over([table]).await;
        let mut noticed = Vec::new();
        for call in 0..15 {
            let mut stream = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
            stream.write_all(&crate::gateway::post(ROUTE, &chat("words", true))).await.unwrap();
            upstream.wait_until(|all| all.len() > call).await;
            let left = standin_testkit::now();
            stream.shutdown().await.unwrap();
            let received = upstream.wait_until(|all| all[call].gone_at.is_some()).await;
            noticed.push(received[call].gone_at.unwrap().saturating_duration_since(left));
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        noticed.sort();
        // Half of them show that the limit holds; a busy machine may keep one of three processes waiting for longer.
        println!(
            "half closed: the upstream knows after {:?}, and after {:?} at the latest",
            noticed[7], noticed[14]
        );
        assert!(noticed[7] <= Duration::from_millis(100), "{noticed:?}");
        assert!(noticed[14] <= Duration::from_secs(1), "{noticed:?}");
        assert!(!gateway.log().contains("\"WARN\""), "nobody is blamed:\n{}", gateway.log());
    }
}
