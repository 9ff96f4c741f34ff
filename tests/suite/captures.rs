//! Requests that real clients sent once, sent again: each reaches the upstream byte for byte but for the model name.

use std::{collections::BTreeSet, fs, path::Path};

use serde::Deserialize;
use serde_json::value::RawValue;
use standin_testkit::{Received, ScriptedUpstream, client, shared};

use crate::{
    faults::{MODEL, streamed_answer, whole_answer},
    gateway::{CALLER_KEY, Gateway, Upstream},
};

const UPSTREAM_KEY: &str = "key-of-the-upstream-account";
/// The route whose captures are sent; other dialects have other rooms.
const ROUTE: &str = "/v1/chat/completions";
/// Captures of that route when this was written; fewer means that they were not read.
const CAPTURES_MIN: usize = 30;

#[derive(Deserialize)]
struct Recorded {
    client: String,
    requests: Vec<Capture>,
}

#[derive(Deserialize)]
struct Capture {
    name: String,
    path: String,
    headers: serde_json::Map<String, serde_json::Value>,
    body: Box<RawValue>,
    #[serde(skip)]
    client: String,
}

#[derive(Deserialize)]
struct Asked<'a> {
    model: &'a str,
}

impl Capture {
    fn model(&self) -> &str {
        serde_json::from_str::<Asked<'_>>(self.body.get()).unwrap().model
    }

    fn is_streaming(&self) -> bool {
        self.body.get().contains(r#""stream": true"#)
    }

    /// The body with the other model name, changed without the product's help.
    fn renamed(&self) -> String {
        let (from, to) = (format!(r#""model": "{}""#, self.model()), format!(r#""model": "{MODEL}""#));
        assert_eq!(self.body.get().matches(&from).count(), 1, "{}: {}", self.client, self.name);
        self.body.get().replace(&from, &to)
    }

    /// The request as its client sent it, with our key and without what the connection decides.
    fn bytes(&self) -> Vec<u8> {
        let ours = ["host", "content-length", "authorization", "accept-encoding", "connection"];
        let headers = self.headers.iter().filter(|(name, _)| !ours.contains(&name.to_lowercase().as_str()));
        let bearer = format!("Bearer {CALLER_KEY}");
        let mut headers: Vec<(&str, &str)> =
            headers.map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        headers.push(("authorization", &bearer));
        client::request("POST", &self.path, &headers, self.body.get().as_bytes())
    }
}

fn read(folder: &Path) -> Vec<Capture> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.file_name().unwrap() != "index.json");
    let recorded = files.map(|path| {
        serde_json::from_str::<Recorded>(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    });
    let all = recorded.flat_map(|Recorded { client, requests }| {
        requests.into_iter().map(move |capture| Capture { client: client.clone(), ..capture })
    });
    all.filter(|capture| capture.path == ROUTE).collect()
}

#[tokio::test]
async fn every_recorded_chat_request_reaches_the_upstream_byte_for_byte_but_for_the_model() {
    let Some(folder) = shared("captures") else { return };
    let captures = read(&folder);
    assert!(captures.len() >= CAPTURES_MIN, "only {} captures were read", captures.len());
    let answer = |request: &Received| if request.is_streaming() { streamed_answer() } else { whole_answer() };
    let upstream = ScriptedUpstream::start(answer).await;
    let names: BTreeSet<&str> = captures.iter().map(Capture::model).collect();
    let table = Upstream::new("only", &upstream.base_url()).key(UPSTREAM_KEY);
    let gateway = Gateway::over([names.iter().fold(table, |table, name| table.model(MODEL, name))]).await;
    for (number, capture) in captures.iter().enumerate() {
        let story = format!("{}: {}", capture.client, capture.name);
        let reply = client::exchange(gateway.address(), &capture.bytes()).await;
        assert_eq!(reply.status(), 200, "{story}: {}", reply.text());
        let names_the_model = format!(r#""model":"{}""#, capture.model());
        assert!(reply.text().contains(&names_the_model), "{story}: {}", reply.text());
        let streamed = reply.head.header("content-type").unwrap().starts_with("text/event-stream");
        assert_eq!(streamed, capture.is_streaming(), "{story}");
        let received = upstream.received();
        assert_eq!(received.len(), number + 1, "{story}: one request in, one request out");
        let last = received.last().unwrap();
        assert_eq!(String::from_utf8_lossy(&last.body), capture.renamed(), "{story}");
        assert_eq!((last.target(), last.key()), (ROUTE, UPSTREAM_KEY), "{story}");
        assert!(!format!("{:?}", last.head).contains(CALLER_KEY), "{story}: {:?}", last.head);
    }
}
