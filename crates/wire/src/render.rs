//! An error in the shape of a dialect: as a whole reply, or as the last frame of a stream.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use standin_core::Dialect;

use crate::{
    error::{CallerError, ErrorKind},
    form::{StreamForm, StreamTail},
    written::Written,
};

/// Longest wait that is put into a header: many clients sleep through it without a word to their user.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// Bytes of upstream wording that are passed on.
const WORDS_BYTES_MAX: usize = 2048;

/// The type, and the code, of trouble that may be gone at once.
const SERVER_ERROR: &str = "server_error";

const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// An error as a whole reply.
#[derive(Debug, Clone)]
pub struct RenderedError {
    /// Its status.
    pub status: StatusCode,
    /// Content type, and what tells a client whether and when to try again.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
}

/// Renders an error as a whole reply.
#[must_use]
pub fn render_error(dialect: Dialect, error: &CallerError, request_id: &str) -> RenderedError {
    let body = match &error.verbatim {
        Some(body) => body.clone(),
        None => Bytes::from(body(dialect, error, request_id)),
    };
    let mut headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let wait = error.retry_after.filter(|_| error.status.is_none());
    let is_short = wait.is_some_and(|wait| wait <= RETRY_AFTER_MAX);
    if let Some(wait) = wait.filter(|_| is_short) {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        headers.extend(number(header::RETRY_AFTER, seconds));
        headers.extend(number(RETRY_AFTER_MS, wait.as_millis().max(1)));
    }
    // A repetition within seconds cures neither the caller's fault nor a long wait; without this one client call
    // becomes three.
    if !is_short && (wait.is_some() || !error.kind.may_pass()) {
        headers.push((SHOULD_RETRY, HeaderValue::from_static("false")));
    }
    RenderedError { status: status(dialect, error), headers, body }
}

/// Renders an error as the one terminal frame of a stream whose head has gone out; `tail` is what went before it.
#[must_use]
pub fn error_frame(dialect: Dialect, error: &CallerError, request_id: &str, tail: &StreamTail) -> Bytes {
    let text = match dialect {
        Dialect::Gemini if tail.form == StreamForm::Array => {
            let before = if tail.is_open { ",\n" } else { "[" };
            format!("{before}{}\n]\n", body(dialect, error, request_id))
        }
        Dialect::OpenaiChat => {
            // Agents repeat an answer that broke with this type until it comes whole, however hopeless that is.
            let kind = match error.kind.openai().1 {
                SERVER_ERROR if !error.is_worth_repeating() => "upstream_error",
                kind => kind,
            };
            format!("data: {}\n\n", openai_body(error, kind))
        }
        Dialect::Gemini => format!("data: {}\n\n", body(dialect, error, request_id)),
        Dialect::AnthropicMessages => {
            format!("event: error\ndata: {}\n\n", body(dialect, error, request_id))
        }
        Dialect::OpenaiResponses => {
            format!("event: response.failed\ndata: {}\n\n", failed_response(error, request_id, tail))
        }
    };
    text.into()
}

/// What keeps a silent stream's connection alive without meaning anything.
#[must_use]
pub fn keep_alive(dialect: Dialect) -> Bytes {
    Bytes::from_static(match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => b": keep-alive\n\n",
        Dialect::AnthropicMessages => b"event: ping\ndata: {\"type\":\"ping\"}\n\n",
        // Clients of this dialect take a comment for broken JSON; a blank line means nothing in an array either.
        Dialect::Gemini => b"\n",
    })
}

fn status(dialect: Dialect, error: &CallerError) -> StatusCode {
    let own = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => error.kind.openai().0,
        Dialect::AnthropicMessages => error.kind.anthropic().0,
        Dialect::Gemini => error.kind.gemini().0,
    };
    StatusCode::from_u16(error.status.unwrap_or(own)).unwrap_or(StatusCode::BAD_GATEWAY)
}

/// The JSON of an error. A caller whose every path is suspended may ask very often, so the two shapes that most
/// callers read are written without a tree in between.
fn body(dialect: Dialect, error: &CallerError, request_id: &str) -> String {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => openai_body(error, error.kind.openai().1),
        Dialect::AnthropicMessages => Written::object(|json| {
            json.nested("error", |json| {
                json.text("type", error.kind.anthropic().1);
                json.text("message", words(&error.message));
                wait(json, error);
            });
            json.text("request_id", request_id);
            json.text("type", "error");
        }),
        Dialect::Gemini => gemini_body(error).to_string(),
    }
}

fn openai_body(error: &CallerError, kind: &str) -> String {
    Written::object(|json| {
        json.nested("error", |json| {
            json.text("message", words(&error.message));
            json.text("type", kind);
            json.text("param", error.param.as_deref());
            json.text("code", error.code.as_deref().unwrap_or(error.kind.openai().2));
            wait(json, error);
        });
    })
}

/// When it is worth trying again, and what stands behind it.
fn wait(json: &mut Written, error: &CallerError) {
    if let Some(wait) = error.retry_after {
        let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
        json.number("retry_after_seconds", seconds);
    }
    if let Some(at) = error.retry_at.and_then(rfc3339) {
        json.text("retry_at", at.as_str());
    }
    if let Some(cause) = &error.cause {
        json.nested("cause", |json| {
            json.text("class", cause.class.as_str());
            json.number("status", cause.status.into());
            json.text("message", words(&cause.message));
        });
    }
}

fn gemini_body(error: &CallerError) -> Value {
    let (own, name) = error.kind.gemini();
    let mut details = Vec::new();
    if let Some(wait) = error.retry_after {
        let delay = format!("{}s", wait.as_millis().div_ceil(1000));
        details.push(json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}));
    }
    if let Some(cause) = &error.cause {
        let metadata = json!({"class": cause.class, "status": cause.status.to_string()});
        let reason = cause.class.as_str().to_ascii_uppercase();
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "standin", "metadata": metadata
        }));
    }
    let code = error.status.unwrap_or(own);
    json!({"error": {"code": code, "message": words(&error.message), "status": name, "details": details}})
}

fn failed_response(error: &CallerError, request_id: &str, tail: &StreamTail) -> Value {
    let (code, advice) = failure_code(error);
    let message = format!("{}{advice}", words(&error.message));
    json!({
        "type": "response.failed",
        "sequence_number": tail.next_sequence,
        "response": {
            "id": tail.response_id.as_deref().unwrap_or(request_id), "object": "response",
            "created_at": tail.created_at.unwrap_or_default(), "status": "failed",
            "error": {"code": code, "message": message}, "incomplete_details": null, "output": [], "usage": null,
            "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "metadata": {}
        }
    })
}

/// The code of a failed response, by which Codex decides: it repeats a `server_error` at once, waits as long as a
/// `rate_limit_exceeded` says in its words, and gives up at everything else that stands here.
fn failure_code(error: &CallerError) -> (&'static str, String) {
    const GIVEN: [&str; 3] = ["context_length_exceeded", "insufficient_quota", "usage_not_included"];
    let given = GIVEN.into_iter().find(|code| error.code.as_deref() == Some(code));
    let wait = error.retry_after.filter(|wait| *wait <= RETRY_AFTER_MAX);
    let plain = |code| (code, String::new());
    match (error.kind, wait) {
        _ if error.is_worth_repeating() => plain(SERVER_ERROR),
        _ if given.is_some() => plain(given.unwrap_or_default()),
        (ErrorKind::ContextTooLong, _) => plain("context_length_exceeded"),
        (ErrorKind::Cooldown | ErrorKind::AtCapacity | ErrorKind::NoPath, Some(wait)) => {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            ("rate_limit_exceeded", format!(" Please try again in {seconds}s."))
        }
        (ErrorKind::Cooldown | ErrorKind::AtCapacity, None) => plain("insufficient_quota"),
        (kind, _) if kind.may_pass() => plain("server_is_overloaded"),
        _ => plain("invalid_prompt"),
    }
}

fn words(text: &str) -> &str {
    &text[..text.floor_char_boundary(WORDS_BYTES_MAX)]
}

fn rfc3339(at: SystemTime) -> Option<String> {
    let stamp = jiff::Timestamp::try_from(at).ok()?;
    Some(stamp.round(jiff::Unit::Second).unwrap_or(stamp).to_string())
}

fn number(name: HeaderName, value: u128) -> Option<(HeaderName, HeaderValue)> {
    Some((name, HeaderValue::try_from(value.to_string()).ok()?))
}

#[cfg(test)]
mod tests {
    use standin_core::ErrorClass;

    use super::*;
    use crate::ErrorCause;

    fn header<'r>(rendered: &'r RenderedError, name: &str) -> Option<&'r str> {
        let found = rendered.headers.iter().find(|(key, _)| key.as_str() == name);
        found.map(|(_, value)| value.to_str().unwrap())
    }

    fn waiting(seconds: u64) -> CallerError {
        let wait = Duration::from_secs(seconds);
        CallerError {
            retry_after: Some(wait),
            retry_at: Some(SystemTime::UNIX_EPOCH + wait),
            cause: Some(ErrorCause {
                class: ErrorClass::RateLimited,
                status: 429,
                message: "slow down".to_owned(),
            }),
            ..CallerError::new(ErrorKind::Cooldown, "wait")
        }
    }

    #[test]
    fn all_four_keys_stand_in_every_openai_error() {
        let rendered =
            render_error(Dialect::OpenaiChat, &CallerError::new(ErrorKind::InvalidKey, "no"), "req_1");
        let body: Value = serde_json::from_slice(&rendered.body).unwrap();
        let keys: Vec<_> = body["error"].as_object().unwrap().keys().map(String::as_str).collect();
        for key in ["message", "type", "param", "code"] {
            assert!(keys.contains(&key), "{key} is missing in {body}");
        }
        assert_eq!(rendered.status, 401);
        assert_eq!(header(&rendered, "x-should-retry"), Some("false"));
    }

    #[test]
    fn a_short_wait_is_a_header_and_a_long_one_is_only_in_the_body() {
        let short = render_error(Dialect::OpenaiChat, &waiting(30), "req_1");
        assert_eq!((header(&short, "retry-after"), header(&short, "x-should-retry")), (Some("30"), None));
        let long = render_error(Dialect::OpenaiChat, &waiting(31), "req_1");
        assert_eq!((header(&long, "retry-after"), header(&long, "x-should-retry")), (None, Some("false")));
        let body: Value = serde_json::from_slice(&long.body).unwrap();
        assert_eq!(body["error"]["retry_after_seconds"], 31);
        assert_eq!(body["error"]["retry_at"], "1970-01-01T00:00:31Z");
        assert_eq!(body["error"]["cause"]["class"], "rate_limited");
    }

    #[test]
    fn a_gemini_error_is_one_data_line_with_the_error_first_and_a_numeric_code() {
        let frame = error_frame(Dialect::Gemini, &waiting(12), "req_1", &StreamTail::default());
        let text = std::str::from_utf8(&frame).unwrap();
        let json = text.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
        assert!(json.starts_with("{\"error\":") && !text.contains("event:"), "{text}");
        let body: Value = serde_json::from_str(json).unwrap();
        assert_eq!(
            (&body["error"]["code"], &body["error"]["status"]),
            (&json!(429), &json!("RESOURCE_EXHAUSTED"))
        );
        assert_eq!(body["error"]["details"][0]["retryDelay"], "12s");
    }

    #[test]
    fn anthropic_frames_carry_their_event_line_and_an_outage_is_overloaded() {
        let error = CallerError::new(ErrorKind::NoPath, "down");
        assert_eq!(render_error(Dialect::AnthropicMessages, &error, "r").status, 529);
        let frame = error_frame(Dialect::AnthropicMessages, &error, "req_1", &StreamTail::default());
        assert!(frame.starts_with(b"event: error\ndata: {\"error\":{"), "{frame:?}");
    }

    #[test]
    fn no_answer_of_ours_but_a_missing_key_is_ever_a_401() {
        let error = CallerError::new(ErrorKind::CredentialsRejected, "rejected");
        for dialect in Dialect::ALL {
            assert_eq!(render_error(dialect, &error, "r").status, 403);
        }
    }

    fn told(dialect: Dialect, error: &CallerError) -> Value {
        let frame = error_frame(dialect, error, "req_1", &StreamTail::default());
        let text = std::str::from_utf8(&frame).unwrap();
        serde_json::from_str(text.split_once("data: ").unwrap().1).unwrap()
    }

    #[test]
    fn a_broken_stream_asks_to_be_repeated_only_while_another_path_is_free() {
        let mut error = CallerError::new(ErrorKind::UpstreamFailed, "it broke");
        let code =
            |error: &CallerError| told(Dialect::OpenaiResponses, error)["response"]["error"]["code"].clone();
        let kind = |error: &CallerError| told(Dialect::OpenaiChat, error)["error"]["type"].clone();
        assert_eq!((code(&error), kind(&error)), (json!("server_is_overloaded"), json!("upstream_error")));
        error.has_free_path = true;
        assert_eq!((code(&error), kind(&error)), (json!("server_error"), json!("server_error")));
        let own = CallerError { has_free_path: true, ..CallerError::new(ErrorKind::ContentPolicy, "no") };
        assert_eq!((code(&own), kind(&own)), (json!("invalid_prompt"), json!("invalid_request_error")));
    }

    #[test]
    fn a_failed_response_says_how_long_to_wait_if_that_is_short() {
        let failure =
            |seconds| told(Dialect::OpenaiResponses, &waiting(seconds))["response"]["error"].clone();
        assert_eq!(
            failure(12),
            json!({"code": "rate_limit_exceeded", "message": "wait Please try again in 12s."})
        );
        assert_eq!(failure(3_600)["code"], "insufficient_quota");
    }

    #[test]
    fn a_failed_response_goes_on_from_what_went_before() {
        let tail =
            StreamTail { next_sequence: 7, response_id: Some("resp_1".to_owned()), ..StreamTail::default() };
        let error = CallerError::new(ErrorKind::UpstreamFailed, "it broke");
        let frame = error_frame(Dialect::OpenaiResponses, &error, "req_1", &tail);
        let text = std::str::from_utf8(&frame).unwrap();
        assert!(text.starts_with("event: response.failed\ndata: {"), "{text}");
        assert!(text.contains(r#""sequence_number":7"#) && text.contains(r#""id":"resp_1""#), "{text}");
    }

    #[test]
    fn an_array_is_closed_behind_its_error_whether_it_had_begun_or_not() {
        let frame = |is_open| {
            let tail = StreamTail { is_open, ..StreamTail::unsent(StreamForm::Array) };
            let frame = error_frame(Dialect::Gemini, &waiting(12), "req_1", &tail);
            let before = if is_open { "[{}" } else { "" };
            let text = format!("{before}{}", std::str::from_utf8(&frame).unwrap());
            serde_json::from_str::<Vec<Value>>(&text).unwrap()
        };
        assert_eq!((frame(true).len(), frame(false).len()), (2, 1));
        assert_eq!(frame(true)[1]["error"]["code"], 429);
    }
}
