//! Token counts of our own, for callers whom no upstream gives one.
//!
//! Such a count says nothing about any path: nothing is recorded, moved or healed by it.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use standin_core::Operation;
use standin_upstream::CallerRequest;
use standin_wire::ErrorKind;

use crate::{Answer, AnswerBody, ending::Refusal, request::Request};

/// How long upstreams may take to count: agents ask a dozen times before they show anything.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a body that are counted at once; a longer one is counted where it holds nobody up.
const AT_ONCE_BYTES_MAX: usize = 4 * 1024;

/// The request to count, if it is one.
pub(crate) fn asked(request: &Request) -> Option<Arc<CallerRequest>> {
    (request.call.operation == Operation::CountTokens).then(|| Arc::clone(&request.call))
}

/// Whether an upstream's refusal to count is the caller's to know; else the count is ours.
pub(crate) fn is_callers(refusal: &Refusal) -> bool {
    let of_the_request = [ErrorKind::InvalidRequest, ErrorKind::ContextTooLong, ErrorKind::ContentPolicy];
    of_the_request.contains(&refusal.kind())
}

/// Counts here; `None` for a body that cannot be counted.
pub(crate) async fn here(call: Arc<CallerRequest>) -> Option<Answer> {
    let dialect = call.dialect;
    tracing::info!(request = %call.request_id, model = %call.model, "counted tokens here: no upstream does");
    // The tokenizer is read by the first count of a process, which takes its time however small the body is.
    let is_quick = standin_tokens::is_ready() && call.body.len() <= AT_ONCE_BYTES_MAX;
    let tokens = match is_quick {
        true => standin_tokens::estimate(dialect, &call.body),
        false => {
            tokio::task::spawn_blocking(move || standin_tokens::estimate(dialect, &call.body)).await.ok()?
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = standin_wire::token_count(dialect, tokens?);
    Some(Answer { status: StatusCode::OK, headers, body: AnswerBody::whole(body) })
}
