//! Clients that repeat what is final, and the one status that stops them.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use standin_core::Dialect;

const ORIGINATOR: HeaderName = HeaderName::from_static("originator");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// How the names begin by which Codex introduces itself: `codex_exec`, `codex_cli_rs`, `codex_vscode`.
const CODEX: &[u8] = b"codex";

/// Whether a request comes from a client that takes only 400 and 429 for a final word, and asks six times otherwise.
pub(crate) fn repeats_refusals(method: &Method, dialect: Dialect, headers: &HeaderMap) -> bool {
    let is_codex = || headers.get(ORIGINATOR).is_some_and(|name| name.as_bytes().starts_with(CODEX));
    method == Method::POST && dialect == Dialect::OpenaiResponses && is_codex()
}

/// Says a final refusal with 400; its body tells what it is. See `docs/decisions/0006-codex-and-400.md`.
pub(crate) fn say_once<B>(reply: &mut Response<B>) {
    let is_final = reply.headers().get(SHOULD_RETRY) == Some(&HeaderValue::from_static("false"));
    let status = reply.status();
    if is_final && status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
        *reply.status_mut() = StatusCode::BAD_REQUEST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, should_retry: Option<&str>) -> u16 {
        let mut reply = Response::new(());
        *reply.status_mut() = StatusCode::from_u16(status).unwrap();
        if let Some(value) = should_retry {
            reply.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_str(value).unwrap());
        }
        say_once(&mut reply);
        reply.status().as_u16()
    }

    #[test]
    fn what_is_final_is_said_with_400_and_nothing_else_changes() {
        for status in [400, 401, 403, 404, 413, 422] {
            assert_eq!(said(status, Some("false")), 400, "{status}");
        }
        for (status, should_retry) in
            [(200, None), (429, Some("false")), (429, None), (503, Some("false")), (503, None), (404, None)]
        {
            assert_eq!(said(status, should_retry), status, "{status} {should_retry:?}");
        }
    }

    #[test]
    fn only_codex_is_meant_and_only_where_it_asks_for_answers() {
        let headers = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ORIGINATOR, HeaderValue::from_str(name).unwrap());
            headers
        };
        let is_meant = |method, dialect, name| repeats_refusals(&method, dialect, &headers(name));
        assert!(is_meant(Method::POST, Dialect::OpenaiResponses, "codex_exec"));
        assert!(!is_meant(Method::GET, Dialect::OpenaiResponses, "codex_exec"));
        assert!(!is_meant(Method::POST, Dialect::OpenaiChat, "codex_exec"));
        assert!(!is_meant(Method::POST, Dialect::OpenaiResponses, "my_tool"));
        assert!(!repeats_refusals(&Method::POST, Dialect::OpenaiResponses, &HeaderMap::new()));
    }
}
