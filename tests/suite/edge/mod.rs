//! The edge under bad input and in bad weather: bodies, routes, floods, crowds.

mod bodies;
mod crowds;
mod floods;
pub(crate) mod http2;
mod routes;
mod tls;

use standin_testkit::{Received, ScriptedUpstream};

use crate::{
    faults::{MODEL, streamed_answer, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream},
};

const ROUTE: &str = "/v1/chat/completions";
const KEY: &str = "key-of-the-only-account";

/// A gateway with these limits over one upstream that answers everything.
async fn stage(limits: &str) -> (Gateway, ScriptedUpstream) {
    let script = |request: &Received| match request.is_streaming() {
        true => streamed_answer(),
        false => whole_answer(),
    };
    let upstream = ScriptedUpstream::start(script).await;
    let only = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    (Gateway::with(limits, [only]).await, upstream)
}

fn bearer() -> String {
    format!("Bearer {CALLER_KEY}")
}
