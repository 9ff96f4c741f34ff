//! Every story of `tests/stories`, played against the real binary.

mod story;

use std::{fs, path::PathBuf, time::Duration};

use serde_json::Value;
use standin_testkit::{ScriptedUpstream, client, now};

use crate::{
    faults::{MODEL, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream, chat},
    repository::root,
};
use story::{Step, Story, Words};

/// Time limits of the gateway on which stories about slowness are played.
const HASTY: &str = "[limits]
first_byte_max = \"1s\"
head_max = \"1s\"
keep_alive_max = \"2s\"
body_idle_max = \"1s\"
body_slow_after = \"2s\"
";

/// A gateway, and what is behind it.
struct Stage {
    gateway: Gateway,
    upstream: ScriptedUpstream,
}

impl Stage {
    async fn with(limits: &str) -> Self {
        let upstream = ScriptedUpstream::always(whole_answer()).await;
        let only = Upstream::new("only", &upstream.base_url()).key("key-of-the-only-account");
        Self { gateway: Gateway::with(limits, [only.model(MODEL, "words")]).await, upstream }
    }

    async fn play(&self, story: &Story) {
        let name = &story.name;
        let before = self.upstream.received().len();
        let mut connection = client::Connection::open(self.gateway.address()).await;
        let mut since = now();
        for step in &story.steps {
            match step {
                // Whoever is refused early may find the door closed.
                Step::Send(bytes) => {
                    let _ = connection.try_send(bytes).await;
                    since = now();
                }
                Step::Wait(time) => tokio::time::sleep(*time).await,
                Step::Reply { statuses, code } => {
                    let reply = connection.reply().await.unwrap_or_else(|| panic!("{name}: no reply"));
                    assert!(statuses.contains(&reply.status()), "{name}: {:?} {}", reply.head, reply.text());
                    assert_is_ours(name, &reply, code.as_deref());
                    since = now();
                }
                Step::Open => {
                    let health = client::request("GET", "/healthz", &[], b"");
                    connection.try_send(&health).await.unwrap_or_else(|_| panic!("{name}: closed"));
                    let reply = connection.reply().await.unwrap_or_else(|| panic!("{name}: closed"));
                    assert_eq!(reply.status(), 200, "{name}");
                }
                Step::Closed { after, within, or } => {
                    if let Some(status) = or {
                        let reply = connection.reply().await;
                        assert!(reply.is_none_or(|reply| reply.status() == *status), "{name}");
                        return;
                    }
                    let left = connection.until_closed().await;
                    let took = now().duration_since(since);
                    assert!(left.is_empty(), "{name}: {}", left.escape_ascii());
                    let within = within.unwrap_or(Duration::from_secs(10));
                    assert!((*after..=within).contains(&took), "{name}: closed after {took:?}");
                    connection = client::Connection::open(self.gateway.address()).await;
                }
                Step::Upstream(calls) => {
                    assert_eq!(self.upstream.received().len() - before, *calls, "{name}: calls");
                }
            }
        }
    }
}

/// Whoever is refused is told so in its dialect, with our id, however early that is.
fn assert_is_ours(name: &str, reply: &client::Reply, code: Option<&str>) {
    let body = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    // The three shapes call it differently.
    let error = &body["error"];
    let said = error["code"].as_str().or(error["status"].as_str()).or(error["type"].as_str());
    assert!(code.is_none() || said == code, "{name}: {}", reply.text());
    if reply.status() < 400 {
        return;
    }
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 10), "{name}: {}", reply.text());
    assert_eq!(reply.head.header("content-type"), Some("application/json"), "{name}");
    let id = reply.head.header("x-request-id").unwrap_or_default();
    assert!(id.starts_with("req_") && id.len() == 20, "{name}: {:?}", reply.head);
    assert!(reply.head.header("date").is_some(), "{name}: {:?}", reply.head);
}

fn stories() -> Vec<Story> {
    let words = Words { key: CALLER_KEY, chat: String::from_utf8(chat("words", false)).unwrap() };
    let files = fs::read_dir(root().join("tests/stories")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files.iter().map(|path| Story::read(path, &words)).collect()
}

#[tokio::test]
async fn a1_a2_a3_every_story_of_bytes_ends_as_it_is_written() {
    let stage = Stage::with("").await;
    let stories: Vec<_> = stories().into_iter().filter(|story| !story.is_hasty).collect();
    assert!(stories.len() >= 40, "{} stories", stories.len());
    for story in &stories {
        stage.play(story).await;
    }
    println!("{} stories", stories.len());
}

#[tokio::test]
async fn a1_a7_every_story_of_slowness_ends_in_its_time() {
    let stage = std::rc::Rc::new(Stage::with(HASTY).await);
    let local = tokio::task::LocalSet::new();
    for story in stories().into_iter().filter(|story| story.is_hasty) {
        let stage = std::rc::Rc::clone(&stage);
        local.spawn_local(async move { stage.play(&story).await });
    }
    local.await;
}
