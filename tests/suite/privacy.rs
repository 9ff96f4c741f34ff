//! What never leaves the gateway: who its upstreams are, and by which keys they are asked.

use standin_testkit::{Play, ScriptedUpstream, client};

use crate::{
    faults::{MODEL, content, role, table},
    gateway::{CALLER_KEY, Gateway, Upstream, chat},
};

const KEY: &str = "canary-of-the-upstream-account";
const NAME: &str = "canary-upstream";

/// Words of a configuration that nobody but its operator may read.
fn secrets(address: &str) -> [&str; 4] {
    [KEY, NAME, CALLER_KEY, address]
}

#[tokio::test]
async fn no_answer_tells_who_the_upstream_is_or_by_which_key_it_was_asked() {
    let broken = Play::sse_head().chunk(role()).chunk(content("Half")).reset();
    let plays = table().into_iter().filter_map(|row| row.failing.play()).chain([broken]);
    for play in plays {
        let upstream = ScriptedUpstream::always(play.clone()).await;
        let address = upstream.address().to_string();
        let table =
            Upstream::new(NAME, &upstream.base_url()).key(KEY).model(MODEL, "words").first_byte("100ms");
        // Without waiting for a second chance the error is here at once.
        let gateway = Gateway::with("policy = { rounds = 0 }", [table]).await;
        for is_streaming in [false, true] {
            let reply = gateway.post("/v1/chat/completions", &chat("words", is_streaming)).await;
            assert_private(&reply, &address, &format!("{play:?}"));
        }
    }
}

#[tokio::test]
async fn an_upstream_that_nobody_can_reach_is_not_named_either() {
    // Port 1 is for a service that nobody runs.
    let gateway = Gateway::with(
        "policy = { rounds = 0 }",
        [Upstream::new(NAME, "http://127.0.0.1:1/v1").key(KEY).model(MODEL, "words")],
    )
    .await;
    let reply = gateway.post("/v1/chat/completions", &chat("words", false)).await;
    assert!(matches!(reply.status(), 502 | 503), "{}", reply.text());
    assert_private(&reply, "127.0.0.1:1", "nobody listens");
}

fn assert_private(reply: &client::Reply, address: &str, story: &str) {
    let said = format!("{:?}\n{}", reply.head, reply.text());
    let told: Vec<&str> = secrets(address).into_iter().filter(|secret| said.contains(secret)).collect();
    assert!(told.is_empty(), "{story}: {told:?} stands in {said}");
}
