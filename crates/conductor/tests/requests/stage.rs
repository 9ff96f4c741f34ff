//! The stage: executors that follow a script, and a helper that reads like a transcript.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use standin_classify::{Classifier, Trust};
use standin_conductor::{Answer, Assembly, Conductor, Request, Upstream};
use standin_core::{Clock, Dialect, ModelAlias, Moment, Operation, RequestId, UpstreamModel};
use standin_policy::{Credential, Declarations, Model, Params, Routing};
use standin_upstream::{CallerRequest, Executor, FrameStream, Reply, ReplyBody, SendError};
use standin_wire::{Frame, Mark, StreamTail, Usage};

/// A clock that follows tokio's time, which tests pause.
pub(crate) struct PausedClock(tokio::time::Instant);

impl PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the test hands in")]
    pub(crate) fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the test hands in")]
    fn now(&self) -> Moment {
        Moment::from_secs(1000) + (tokio::time::Instant::now() - self.0)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
            + Duration::from_secs(1_800_000_000)
            + self.now().since(Moment::from_secs(1000))
    }
}

/// What one upstream call does.
#[derive(Clone)]
pub(crate) enum Act {
    /// A whole reply.
    Reply(u16, &'static str),
    /// No reply at all.
    Silence,
    /// A whole reply after some milliseconds.
    Late(u64, u16, &'static str),
    /// A whole reply with one header, after none.
    Told(u16, (&'static str, String), String),
    /// The connection is refused.
    Refused,
    /// The connection ends in the middle of a whole reply.
    CutShort,
    /// The executor's own mistake.
    Panic,
    /// A stream: what happens after which time.
    Stream(Vec<(u64, Beat)>),
}

/// One thing that happens in a stream.
#[derive(Clone)]
pub(crate) enum Beat {
    Lifecycle,
    Comment,
    Content(&'static str),
    Finish,
    Error(&'static str),
    Break,
    Panic,
}

/// A whole answer as an OpenAI-compatible upstream gives it.
pub(crate) const SERVED: &str = r#"{"id":"c","object":"chat.completion","created":1,"model":"m1","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;
/// A model that is not served there.
pub(crate) const UNSUPPORTED: &str = r#"{"error":{"message":"The model `m1` does not exist or you do not have access to it.","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#;
/// The caller's own fault.
pub(crate) const CALLERS_FAULT: &str = r#"{"error":{"message":"Invalid type for 'messages': expected an array.","type":"invalid_request_error","param":"messages","code":"invalid_type"}}"#;

/// One credential's script; the last act repeats.
pub(crate) struct Scripted {
    pub(crate) acts: Mutex<VecDeque<Act>>,
    pub(crate) calls: AtomicUsize,
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) renewals: AtomicUsize,
    pub(crate) beats: Arc<AtomicUsize>,
}

impl Executor for Scripted {
    fn serves(&self, dialect: Dialect, _: Operation) -> bool {
        matches!(dialect, Dialect::OpenaiChat | Dialect::OpenaiResponses)
    }

    fn send<'a>(
        &'a self,
        _: &'a CallerRequest,
        _: &'a UpstreamModel,
    ) -> BoxFuture<'a, Result<Reply, SendError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut acts = self.acts.lock().unwrap();
        let act = if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0].clone() };
        let guard = Open::new(&self.open);
        let beaten = Arc::clone(&self.beats);
        Box::pin(async move {
            match act {
                Act::Reply(status, body) => Ok(reply(status, Bytes::from_static(body.as_bytes()))),
                Act::Late(after, status, body) => {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    Ok(reply(status, Bytes::from_static(body.as_bytes())))
                }
                Act::Told(status, (name, value), body) => {
                    let mut told = reply(status, body.into());
                    told.headers.insert(name, HeaderValue::try_from(value).unwrap());
                    Ok(told)
                }
                Act::Panic => panic!("an executor's own mistake"),
                Act::Silence => std::future::pending().await,
                Act::Refused => Err(SendError::unreachable("connection refused")),
                Act::CutShort => Err(SendError::cut_short("the reply was cut short")),
                Act::Stream(beats) => Ok(Reply {
                    status: StatusCode::OK,
                    headers: HeaderMap::new(),
                    body: ReplyBody::Stream(Box::new(Played {
                        beats: beats.into(),
                        sleep: None,
                        is_complete: false,
                        has_content: false,
                        beaten,
                        _guard: guard,
                    })),
                }),
            }
        })
    }

    fn renew(&self, _: u64) -> BoxFuture<'_, Result<(), SendError>> {
        self.renewals.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    }
}

fn reply(status: u16, body: Bytes) -> Reply {
    let json = (http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::from_iter([json]),
        body: ReplyBody::Whole(body),
    }
}

/// Counts upstream connections that are still open.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Played {
    beats: VecDeque<(u64, Beat)>,
    sleep: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
    is_complete: bool,
    has_content: bool,
    beaten: Arc<AtomicUsize>,
    _guard: Open,
}

impl FrameStream for Played {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, SendError>>> {
        let Some((after, beat)) = self.beats.front().cloned() else { return Poll::Ready(None) };
        let sleep =
            self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_millis(after))));
        std::task::ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        self.beats.pop_front();
        self.beaten.fetch_add(1, Ordering::SeqCst);
        let frame = |mark, text: String| Poll::Ready(Some(Ok(Frame { mark, bytes: text.into() })));
        match beat {
            Beat::Lifecycle => frame(Mark::Lifecycle, "data: {\"role\":1}\n\n".to_owned()),
            Beat::Comment => frame(Mark::Lifecycle, ": waiting\n\n".to_owned()),
            Beat::Content(text) => {
                self.has_content = true;
                frame(Mark::Content, format!("data: {text}\n\n"))
            }
            Beat::Finish => {
                self.is_complete = true;
                frame(Mark::Terminal, "data: end\n\n".to_owned())
            }
            Beat::Error(json) => frame(Mark::Error, format!("data: {json}\n\n")),
            Beat::Panic => panic!("an executor's own mistake"),
            Beat::Break => Poll::Ready(Some(Err(SendError::cut_short("connection reset")))),
        }
    }

    fn is_complete(&self) -> bool {
        self.is_complete
    }

    fn is_empty(&self) -> bool {
        self.is_complete && !self.has_content
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn tail(&self) -> StreamTail {
        StreamTail::default()
    }

    fn trailer(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b"data: [DONE]\n\n"))
    }
}

/// A conductor over credentials `a`, `b`, ... that all serve `m1` under the alias `m`.
pub(crate) struct Stage {
    pub(crate) conductor: Conductor,
    pub(crate) scripts: Vec<Arc<Scripted>>,
    next: AtomicUsize,
}

impl Stage {
    pub(crate) fn new(scripts: Vec<Vec<Act>>) -> Self {
        Self::with_params(scripts, Params::default())
    }

    pub(crate) fn with_params(scripts: Vec<Vec<Act>>, params: Params) -> Self {
        Self::of_family(None, scripts, params)
    }

    /// All upstreams are of one provider family, whose words the classifier knows.
    pub(crate) fn of_family(family: Option<&str>, scripts: Vec<Vec<Act>>, params: Params) -> Self {
        Self::with(scripts, params, family, Classifier::builtin().clone())
    }

    pub(crate) fn with(
        scripts: Vec<Vec<Act>>,
        params: Params,
        family: Option<&str>,
        classifier: Classifier,
    ) -> Self {
        let scripts: Vec<_> = scripts
            .into_iter()
            .map(|acts| {
                let (calls, open) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
                let (renewals, beats) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
                Arc::new(Scripted { acts: Mutex::new(acts.into()), calls, open, renewals, beats })
            })
            .collect();
        let names = ["a", "b", "c", "d"];
        let mut declared = Declarations::default();
        let mut executors: HashMap<_, Arc<dyn Executor>> = HashMap::new();
        let mut upstreams = HashMap::new();
        for (name, script) in names.iter().zip(&scripts) {
            declared.upstreams.push(standin_policy::Upstream::new(name));
            let is_renewable = family == Some("renewable");
            declared.credentials.push(Credential { is_renewable, ..Credential::new(name, name) });
            declared.models.push(Model { aliases: vec!["m".into()], ..Model::new(name, "m1") });
            executors.insert((*name).into(), Arc::clone(script) as Arc<dyn Executor>);
            let upstream =
                Upstream { id: (*name).into(), family: family.map(str::to_owned), trust: Trust::Codes };
            upstreams.insert((*name).into(), upstream);
        }
        let routing = Routing::build(&declared).unwrap();
        let assembly = Assembly::new(routing, params, classifier, executors, upstreams).unwrap();
        let conductor = Conductor::new(assembly, Arc::new(PausedClock::new()), 7);
        Self { conductor, scripts, next: AtomicUsize::new(1) }
    }

    pub(crate) fn calls(&self) -> Vec<usize> {
        self.scripts.iter().map(|script| script.calls.load(Ordering::SeqCst)).collect()
    }

    pub(crate) fn open(&self) -> usize {
        self.scripts.iter().map(|script| script.open.load(Ordering::SeqCst)).sum()
    }

    pub(crate) fn request(&self, is_streaming: bool) -> Request {
        self.request_for("m", is_streaming)
    }

    pub(crate) fn request_for(&self, model: &str, is_streaming: bool) -> Request {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        Request {
            call: Arc::new(CallerRequest {
                dialect: Dialect::OpenaiChat,
                operation: Operation::ChatCompletions,
                path: None,
                query: None,
                body: Bytes::from_static(br#"{"model":"m","messages":[]}"#),
                model_span: Some(9..12),
                model: ModelAlias::new(model),
                is_streaming,
                headers: HeaderMap::new(),
                request_id: RequestId::new(format!("req_{number}")),
            }),
            client: None,
            timeout: None,
            pin: None,
            session: None,
            opening: 1,
            has_assistant_turn: false,
        }
    }

    pub(crate) async fn ask(&self) -> Answer {
        self.conductor.run(self.request(false)).await
    }

    pub(crate) async fn stream(&self) -> Answer {
        self.conductor.run(self.request(true)).await
    }
}

/// The whole body as text.
pub(crate) async fn text(answer: Answer) -> String {
    let bytes = answer.body.collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
