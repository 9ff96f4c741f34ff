//! Recorded traffic of real providers, played by a scripted upstream and asked for through the real binary.

use std::{
    collections::{HashMap, VecDeque},
    fmt::Write,
    time::UNIX_EPOCH,
};

use http::HeaderMap;
use serde_json::{Value, json};
use standin_classify::{Classifier, Observed, Transport};
use standin_core::{Dialect, Operation};
use standin_testkit::{
    Play, Received, Recording, ScriptedUpstream,
    client::Reply,
    grammar::{self, Ending},
    recordings,
};
use standin_wire::{Mark, StreamForm, StreamReader, error_payload};

use crate::gateway::Gateway;

/// One attempt, so that what a recording does is seen once and not made up for.
const POLICY: &str = "[policy]\nattempts_max = 1\nrounds = 1\nwait_max = \"0s\"\n";
/// Streams that somebody wrote by hand and that break a rule by themselves: they are passed on as they are.
const BROKEN_BY_HAND: [&str; 2] = ["anthropic-duplicate-message-start-stream", "openai-refusal-stream"];
/// Answers without a word, a call or a token: they fall back, and are an error where nothing is left.
const NO_ANSWER: [&str; 1] = ["gemini-empty-parts-stream"];
/// An error whose label goes by its status; its words say that the request contradicts itself, and its packs know that.
const LABELLED_BY_STATUS: [&str; 1] = ["llamacpp-error-500-server-error-2"];
/// Recordings with a reply, when this was written; fewer means that they were not read.
const CASES_MIN: usize = 500;

/// A recording and the name under which the gateway serves it.
struct Case {
    recording: Recording,
    alias: String,
}

impl Case {
    fn key(&self) -> String {
        format!("key-of-{}", self.alias)
    }

    /// Where a client asks for it, and with what.
    fn request(&self) -> (String, Vec<u8>) {
        let Recording { dialect, is_streaming, .. } = self.recording;
        let operation = self.recording.operation();
        let path = match (dialect, operation) {
            (Dialect::OpenaiChat, Operation::Embeddings) => "/v1/embeddings".to_owned(),
            (Dialect::OpenaiChat, Operation::Completions) => "/v1/completions".to_owned(),
            (Dialect::OpenaiChat, _) => "/v1/chat/completions".to_owned(),
            (Dialect::OpenaiResponses, Operation::CountTokens) => "/v1/responses/input_tokens".to_owned(),
            (Dialect::OpenaiResponses, _) => "/v1/responses".to_owned(),
            (Dialect::AnthropicMessages, Operation::CountTokens) => "/v1/messages/count_tokens".to_owned(),
            (Dialect::AnthropicMessages, _) => "/v1/messages".to_owned(),
            (Dialect::Gemini, _) => {
                let verb = match (operation, is_streaming) {
                    (Operation::CountTokens, _) => "countTokens",
                    (_, false) => "generateContent",
                    (_, true) if self.recording.has("stream-json-array") => "streamGenerateContent",
                    (_, true) => "streamGenerateContent?alt=sse",
                };
                format!("/v1beta/models/{}:{verb}", self.alias)
            }
        };
        (path, self.body().to_string().into_bytes())
    }

    /// The recorded body where it is one of this route, else the smallest that is.
    fn body(&self) -> Value {
        let turns = json!([{"role": "user", "content": "Say the words."}]);
        let (needed, smallest) = match self.recording.dialect {
            Dialect::OpenaiChat => ("messages", json!({"messages": turns})),
            Dialect::OpenaiResponses => ("input", json!({"input": "Say the words."})),
            Dialect::AnthropicMessages => ("messages", json!({"messages": turns, "max_tokens": 64})),
            Dialect::Gemini => {
                ("contents", json!({"contents": [{"role": "user", "parts": [{"text": "Say the words."}]}]}))
            }
        };
        let recorded =
            self.recording.request.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
        let mut body = recorded.filter(|body| body.get(needed).is_some()).unwrap_or(smallest);
        if self.recording.dialect != Dialect::Gemini {
            body["model"] = json!(self.alias);
            body["stream"] = json!(self.recording.is_streaming);
        }
        body
    }

    fn play(&self, number: usize) -> Play {
        let Recording { status, is_streaming, .. } = self.recording;
        let body = self.recording.response.as_deref().unwrap();
        if !is_streaming || status != 200 {
            let kind = self.recording.content_type.as_deref().unwrap_or("application/json");
            return Play::reply(status, &[("content-type", kind)], body);
        }
        let is_array = self.recording.has("stream-json-array");
        let kind = if is_array { "application/json; charset=UTF-8" } else { "text/event-stream" };
        // Pieces of all sizes, from recording to recording.
        let size = [7, 64, 300, 1_400, 100_000][number % 5];
        let play = Play::chunked_head(200, kind).chunks_of(size, body);
        if self.recording.has("truncated-stream") { play.cut() } else { play.end() }
    }
}

fn cases() -> Vec<Case> {
    let all = Dialect::ALL.into_iter().flat_map(recordings);
    let served = all.filter(|one| one.response.is_some() && one.operation() != Operation::Passthrough);
    served
        .enumerate()
        .map(|(number, recording)| Case { recording, alias: format!("recorded-{number}") })
        .collect()
}

fn tables(cases: &[Case], upstream: &ScriptedUpstream) -> String {
    let mut text = POLICY.to_owned();
    for case in cases {
        let kind = match case.recording.dialect {
            Dialect::OpenaiChat => "kind = \"openai-compat\"",
            Dialect::OpenaiResponses => "kind = \"openai-compat\"\nwire = \"responses\"",
            Dialect::AnthropicMessages => "kind = \"anthropic\"",
            Dialect::Gemini => "kind = \"gemini\"",
        };
        let (alias, key) = (&case.alias, case.key());
        let base_url = format!("http://{}", upstream.address());
        writeln!(text, "[[upstream]]\nname = {alias:?}\n{kind}\nbase_url = {base_url:?}").unwrap();
        writeln!(text, "[[upstream.credential]]\nid = {alias:?}\nkey = {key:?}").unwrap();
        writeln!(text, "[[upstream.model]]\nname = \"its-own-name\"\nalias = [{alias:?}]").unwrap();
    }
    text
}

/// What is wrong with what the caller got, if anything is.
fn verdict(case: &Case, reply: &Reply) -> Option<String> {
    let recording = &case.recording;
    let told = |what: &str| Some(format!("{what}: {} {}", reply.status(), reply.text()));
    if recording.is_sound() && !NO_ANSWER.contains(&&*recording.name) {
        if reply.status() != 200 {
            return told("no answer");
        }
        let (wanted, text) = (recording.answered_as(&case.alias), reply.text());
        let rest = text.strip_prefix(wanted.trim_end()).map(str::trim);
        let is_same =
            rest == Some("") || (recording.dialect == Dialect::OpenaiChat && rest == Some("data: [DONE]"));
        if !is_same {
            return told("other bytes");
        }
    } else if reply.status() < 400 && !recording.is_streaming {
        return told("an answer");
    }
    let is_stream = reply.status() == 200 && recording.is_streaming;
    if is_stream && !BROKEN_BY_HAND.contains(&&*recording.name) {
        let wanted = if recording.is_sound() { Ending::Complete } else { Ending::Failed };
        match grammar::check(recording.dialect, &reply.body) {
            Ok((ending, _)) if ending == wanted => {}
            Ok((ending, _)) => return told(&format!("{ending:?} instead of {wanted:?}")),
            Err(fault) => return told(&fault.0),
        }
    }
    None
}

/// The class of the attempt with each credential that the gateway reported as failed.
fn classes(gateway: &Gateway) -> HashMap<String, String> {
    let log = gateway.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    lines
        .filter_map(|line| Some((text(&line["fields"]["credential"])?, text(&line["fields"]["class"])?)))
        .collect()
}

#[tokio::test]
async fn every_recorded_reply_reaches_its_caller_as_it_should() {
    let cases = cases();
    if cases.is_empty() {
        return;
    }
    assert!(cases.len() >= CASES_MIN, "only {} recordings were read", cases.len());
    let plays: HashMap<String, Play> =
        cases.iter().enumerate().map(|(number, case)| (case.key(), case.play(number))).collect();
    let upstream = ScriptedUpstream::start(move |request: &Received| plays[request.key()].clone()).await;
    let gateway = Gateway::with(&tables(&cases, &upstream), []).await;
    let mut wrong = Vec::new();
    for case in &cases {
        let (path, body) = case.request();
        let reply = gateway.exchange(&path, &body).await;
        if let Some(verdict) = verdict(case, &reply) {
            let verdict: String = verdict.chars().take(300).collect();
            wrong.push(format!("{} {}: {verdict}", case.recording.dialect, case.recording.name));
        }
    }
    let classes = classes(&gateway);
    for case in &cases {
        let (wanted, seen) = (case.recording.error_class.as_ref(), classes.get(&case.alias));
        let is_due = wanted.is_some() || case.recording.is_sound();
        let is_known = NO_ANSWER.iter().chain(&LABELLED_BY_STATUS).any(|name| *name == case.recording.name);
        if is_due && wanted != seen && !is_known {
            wrong.push(format!(
                "{} {}: {seen:?}, not {wanted:?}",
                case.recording.dialect, case.recording.name
            ));
        }
    }
    println!("{} recordings replayed, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a reader of the replies judges by: the error body, or the error frame of a stream.
fn error_of(recording: &Recording) -> Option<(u16, Transport, Vec<u8>)> {
    let body = recording.response.clone()?;
    if recording.status != 200 {
        return Some((recording.status, Transport::Http, body));
    }
    if !recording.is_streaming {
        return Some((200, Transport::Body200, body));
    }
    let mut reader = StreamReader::new(recording.dialect, StreamForm::Events, None);
    let mut frames = VecDeque::new();
    reader.push(body.into(), &mut frames);
    reader.finish(&mut frames);
    let error = frames.into_iter().find(|frame| frame.mark == Mark::Error)?;
    Some((200, Transport::Sse, error_payload(&error).into_owned()))
}

#[test]
fn every_recorded_error_has_the_class_that_a_careful_operator_gives_it() {
    let headers = HeaderMap::new();
    let mut wrong = Vec::new();
    for recording in Dialect::ALL.into_iter().flat_map(recordings) {
        let Some(class) = &recording.error_class else { continue };
        if LABELLED_BY_STATUS.contains(&&*recording.name) {
            continue;
        }
        let (status, transport, body) = error_of(&recording).unwrap_or_else(|| panic!("{}", recording.name));
        let verdict = Classifier::builtin().classify(&Observed {
            status,
            headers: &headers,
            body: &body,
            transport,
            provider: Some(&recording.provider),
            dialect: Some(recording.dialect),
            operation: Some(recording.operation()),
            ..Observed::new(UNIX_EPOCH)
        });
        if verdict.class.as_str() != class {
            wrong.push(format!(
                "{} {}: {} by {}, not {class}",
                recording.dialect, recording.name, verdict.class, verdict.rule
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
