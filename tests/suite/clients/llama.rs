//! The openai package in front of the gateway, real llama.cpp servers behind it.

use std::path::Path;

use crate::{
    gateway::{CALLER_KEY, Gateway, Upstream},
    python::{Program, python, tools},
};

/// A running llama.cpp server on the tiny model; it ends with this value.
pub(super) struct Llama {
    program: Program,
    pub(super) base_url: String,
}

impl Llama {
    pub(super) fn start(python: &Path, key: &str, more: &[&str]) -> Self {
        let models = tools().join("models");
        let mut arguments = vec!["--models", models.to_str().unwrap(), "--key", key, "--alias", "tiny"];
        arguments.extend(more);
        let program = Program::start(python, "llama_server.py", &arguments);
        let line = program.line().expect("the server starts");
        let base_url = line.strip_prefix("LISTENING ").unwrap_or_else(|| panic!("unexpected line {line:?}"));
        Self { base_url: format!("{base_url}/v1"), program }
    }
}

/// Three servers with three keys, of which the gateway has one wrong, and one for embeddings.
struct Pool {
    one: Llama,
    _others: [Llama; 3],
    gateway: Gateway,
}

impl Pool {
    async fn start(python: &Path) -> Self {
        let one = Llama::start(python, "key-of-server-one", &[]);
        let two = Llama::start(python, "key-of-server-two", &[]);
        let three = Llama::start(python, "key-of-server-three", &[]);
        let embedding = Llama::start(python, "key-of-server-four", &["--embeddings"]);
        let upstream = |name: &str, llama: &Llama, key: &str| Upstream::new(name, &llama.base_url).key(key);
        let gateway = Gateway::over([
            upstream("one", &one, "key-of-server-one").model("tiny", "tiny"),
            upstream("two", &two, "key-of-server-two").model("tiny", "tiny"),
            upstream("three", &three, "a-key-that-was-revoked").model("tiny", "tiny"),
            upstream("four", &embedding, "key-of-server-four").model("tiny", "tiny-embed"),
        ])
        .await;
        Self { one, _others: [two, three, embedding], gateway }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openai_package_gets_answers_streams_tools_and_embeddings_while_a_server_is_killed() {
    let Some(python) = python() else { return };
    let mut pool = Pool::start(python).await;
    let base_url = pool.gateway.base_url();
    let mut client = Program::start(python, "openai_client.py", &[&base_url, CALLER_KEY]);
    let mut steps = 0;
    while let Some(line) = client.line() {
        match line.as_str() {
            "KILL one" => {
                pool.one.program.kill();
                client.tell("killed");
            }
            step => {
                assert!(step.starts_with("ok "), "unexpected line {step:?}");
                steps += 1;
            }
        }
    }
    assert!(client.succeeds(), "the client failed after {steps} steps");
    let refused = pool.gateway.failed_attempts("three-a-key-that-was-revoked");
    assert_eq!(refused, 1, "the wrong key was tried {refused} times");
}
