//! The rows of the fault table: every way in which credential A fails, as bytes on the wire.

use std::time::Duration;

use standin_testkit::{Play, sse};

/// What a row asks of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// B serves every request, and A is asked once.
    StandIn,
    /// The request itself is at fault: each one is answered with that, after one call.
    ToldOnce,
}

/// Where credential A is.
#[derive(Debug, Clone)]
pub(crate) enum Failing {
    /// A answers like this, to plain requests and to streams.
    Answers(Play),
    /// A answers streams like this; plain requests cannot fail in this way.
    Streams(Play),
    /// A answers plain requests with the first and streams with the second.
    Both(Play, Play),
    /// Nobody listens where A is.
    Refuses,
    /// A is at an address of its own, where connections end like this: that is blamed on the address.
    Breaks(Play),
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) wanted: Wanted,
    pub(crate) failing: Failing,
}

/// How long the gateways of the table wait for a first byte.
pub(crate) const FIRST_BYTE: &str = "400ms";

/// The model that A and B serve, and that the caller's alias stands for.
pub(crate) const MODEL: &str = "tiny-1";

/// What B answers to a plain request.
pub(crate) fn whole_answer() -> Play {
    Play::json(200, completion("Here are the words.", 5))
}

/// What B answers to a request for a stream.
pub(crate) fn streamed_answer() -> Play {
    Play::sse([role(), content("Here are "), content("the words."), finish(), sse::event("[DONE]")])
}

/// An OpenAI-like error body.
fn error(message: &str, kind: &str, code: &str) -> String {
    let code = if code.is_empty() { "null".to_owned() } else { format!("\"{code}\"") };
    format!(r#"{{"error":{{"message":"{message}","type":"{kind}","param":null,"code":{code}}}}}"#)
}

fn completion(text: &str, tokens: u32) -> String {
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"{MODEL}","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":4,"completion_tokens":{tokens},"total_tokens":{}}}}}"#,
        4 + tokens
    )
}

fn chunk(delta: &str, finish: &str) -> String {
    sse::event(&format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"{MODEL}","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#
    ))
}

/// The first chunk of a stream: a role and no word.
pub(crate) fn role() -> String {
    chunk(r#"{"role":"assistant","content":""}"#, "null")
}

/// A chunk with words.
pub(crate) fn content(text: &str) -> String {
    chunk(&format!(r#"{{"content":"{text}"}}"#), "null")
}

/// The chunk that says why the answer ends.
pub(crate) fn finish() -> String {
    chunk("{}", r#""stop""#)
}

fn status(fault: &'static str, status: u16, body: &str) -> Row {
    stand_in(fault, Failing::Answers(Play::json(status, body)))
}

const fn stand_in(fault: &'static str, failing: Failing) -> Row {
    Row { fault, wanted: Wanted::StandIn, failing }
}

/// The whole table.
pub(crate) fn table() -> Vec<Row> {
    [refusals(), limits(), outages(), broken_replies(), broken_streams(), vec![own_fault()]].concat()
}

fn refusals() -> Vec<Row> {
    let unsupported =
        error("The requested model is not supported.", "invalid_request_error", "model_not_supported");
    let unknown = format!("The model `{MODEL}` does not exist or you do not have access to it.");
    let unprocessable =
        error("The requested model is not supported for this account.", "invalid_request_error", "");
    let plan = format!("Your plan does not include access to the model `{MODEL}`.");
    let key = error("Incorrect API key provided.", "invalid_request_error", "invalid_api_key");
    let credit = r#"{"error":{"message":"Insufficient credits. Add more to go on.","code":402}}"#;
    vec![
        status("400 model not supported", 400, &unsupported),
        status("404 `model_not_found`", 404, &error(&unknown, "invalid_request_error", "model_not_found")),
        status("422 model not supported", 422, &unprocessable),
        status("403 model not in the plan", 403, &error(&plan, "permission_error", "")),
        status("401 wrong key", 401, &key),
        status("402 no credit", 402, credit),
    ]
}

fn limits() -> Vec<Row> {
    let rate = error("Rate limit reached for requests per minute.", "requests", "rate_limit_exceeded");
    let quota = "You exceeded your current quota, please check your plan and billing details.";
    let headers = [("content-type", "application/json"), ("retry-after", "2")];
    vec![
        stand_in("429 with `Retry-After: 2`", Failing::Answers(Play::reply(429, &headers, rate))),
        status("429 `insufficient_quota`", 429, &error(quota, "insufficient_quota", "insufficient_quota")),
    ]
}

fn outages() -> Vec<Row> {
    let fault = error("The server had an error while processing your request.", "server_error", "");
    let load = error("Overloaded", "overloaded_error", "");
    vec![
        status("500", 500, &fault),
        status("529 overloaded", 529, &load),
        stand_in("connection refused", Failing::Refuses),
        stand_in("connection closed before a reply", Failing::Breaks(Play::close_before_head())),
        stand_in("connection reset before a reply", Failing::Breaks(Play::reset_before_head())),
        stand_in("first byte never comes", Failing::Answers(Play::silence())),
    ]
}

fn broken_replies() -> Vec<Row> {
    let fault = error("The upstream provider failed.", "server_error", "");
    let whole = completion("Here are the words.", 5);
    let cut = Play::chunked_head(200, "application/json").chunk(&whole[..whole.len() / 2]).cut();
    let lifecycle = Play::sse_head().chunk(role()).end();
    let moved = [("location", "https://elsewhere.invalid/v1/chat/completions")];
    vec![
        status("200 with an error body", 200, &fault),
        status("200 with an empty body", 200, ""),
        stand_in(
            "200 with an empty answer",
            Failing::Both(
                Play::json(200, completion("", 0)),
                Play::sse([role(), finish(), sse::event("[DONE]")]),
            ),
        ),
        stand_in(
            "200 with an HTML page",
            Failing::Answers(Play::html(200, "<html><body>Sign in</body></html>")),
        ),
        stand_in("200 cut short before content", Failing::Both(cut, lifecycle)),
        stand_in("302 to elsewhere", Failing::Answers(Play::reply(302, &moved, ""))),
    ]
}

fn broken_streams() -> Vec<Row> {
    let fault =
        sse::event(&error("The server had an error while processing your request.", "server_error", ""));
    let done = sse::event("[DONE]");
    vec![
        stand_in("SSE error as the first frame", Failing::Streams(Play::sse([fault.as_str(), &done]))),
        stand_in(
            "role delta, then an SSE error",
            Failing::Streams(
                Play::sse_head()
                    .chunk(role())
                    .pause(Duration::from_millis(20))
                    .chunk(&fault)
                    .chunk(&done)
                    .end(),
            ),
        ),
    ]
}

fn own_fault() -> Row {
    let body =
        error("Invalid type for 'messages[0].content': expected a string.", "invalid_request_error", "");
    Row {
        fault: "the caller's own 400, from A and B",
        wanted: Wanted::ToldOnce,
        failing: Failing::Answers(Play::json(400, body)),
    }
}

impl Failing {
    /// What A does with a plain request, if it does anything.
    pub(crate) fn play(self) -> Option<Play> {
        match self {
            Self::Answers(play) | Self::Both(play, _) | Self::Breaks(play) | Self::Streams(play) => {
                Some(play)
            }
            Self::Refuses => None,
        }
    }
}
