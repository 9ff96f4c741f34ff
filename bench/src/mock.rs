//! The upstream that answers at once, whole or in streams, as the request's model name asks for.
//!
//! It judges nothing but the key, and counts what it was asked, so that a row can prove what it measured.

use std::{
    convert::Infallible,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    dialect::Dialect,
    process::{self, Process, Start},
    traffic::{self, Wanted},
};

/// Streams begin in this many different phases of their period, so that chunks do not come in one burst.
const PHASES: u64 = 25;

/// The mock in a process of its own, as the bench sees it.
#[derive(Debug)]
pub(crate) struct Mock {
    pub(crate) address: SocketAddr,
    /// It ends with this value.
    _process: Process,
}

/// What it was asked.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Asked {
    /// Requests, whatever came of them.
    pub(crate) requests: u64,
    /// Those that it refused.
    pub(crate) refused: u64,
}

impl Mock {
    /// Starts it; what it says is kept in `folder`.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Self> {
        let start = Start { log: folder.join("mock.log"), ..Start::default() };
        let address = process::free_address()?;
        let own = std::env::current_exe().context("find this program")?;
        let mut process = Process::spawn(&start, &own, &["mock", "--listen", &address.to_string()])?;
        process.wait_until_ready(address).context("wait for the mock")?;
        Ok(Self { address, _process: process })
    }

    /// What it was asked since the start.
    pub(crate) async fn counts(&self) -> anyhow::Result<Asked> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(b"GET /counts HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).context("read the counts of the mock")
    }
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    refused: AtomicU64,
    streams: AtomicU64,
}

/// Answers until the process ends.
pub(crate) async fn serve(listener: TcpListener) -> anyhow::Result<()> {
    let counts = Arc::new(Counts::default());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&counts), request));
            // A caller that hangs up in the middle of a stream is how every stream here ends.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(counts: Arc<Counts>, request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    if request.uri().path() == "/counts" {
        let requests = counts.requests.load(Ordering::Relaxed);
        let refused = counts.refused.load(Ordering::Relaxed);
        let text = format!(r#"{{"requests":{requests},"refused":{refused}}}"#);
        return Ok(reply(StatusCode::OK, "application/json", Answer::Whole(Some(text.into()))));
    }
    let key = request.headers().get(header::AUTHORIZATION).cloned();
    let uri = request.uri().clone();
    let body = request.into_body().collect().await?.to_bytes();
    counts.requests.fetch_add(1, Ordering::Relaxed);
    let key = key.as_ref().and_then(|key| key.to_str().ok()).unwrap_or_default();
    if let Some((status, text)) = refusal(key.trim_start_matches("Bearer ")) {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return Ok(reply(status, "application/json", Answer::Whole(Some(Bytes::from_static(text)))));
    }
    let dialect = Dialect::of(uri.path());
    let model = dialect.model(uri.path(), &body).unwrap_or_default();
    Ok(match Wanted::of(model) {
        Some(Wanted::Whole { bytes }) => {
            reply(StatusCode::OK, "application/json", Answer::Whole(Some(dialect.whole(model, bytes))))
        }
        Some(Wanted::Stream { chunks, period }) => {
            let phase = counts.streams.fetch_add(1, Ordering::Relaxed) % PHASES;
            let phase = period.mul_f64(f64::from(u32::try_from(phase).unwrap_or(0)) / 25.0);
            let ticks = Ticks::new(dialect, model, chunks, period, phase);
            let mut reply = reply(StatusCode::OK, "text/event-stream", Answer::Stream(Box::new(ticks)));
            // nginx holds a reply back until its buffer is full, unless the upstream says otherwise.
            reply.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
            reply
        }
        None => {
            reply(StatusCode::NOT_FOUND, "application/json", Answer::Whole(Some(Bytes::from_static(b"{}"))))
        }
    })
}

fn refusal(key: &str) -> Option<(StatusCode, &'static [u8])> {
    if key.starts_with(traffic::UNSUPPORTED_KEY) {
        let text = br#"{"error":{"message":"The requested model is not supported.","type":"invalid_request_error","param":"model","code":"model_not_supported"}}"#;
        return Some((StatusCode::BAD_REQUEST, text));
    }
    if key.starts_with(traffic::REVOKED_KEY) {
        let text = br#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
        return Some((StatusCode::UNAUTHORIZED, text));
    }
    None
}

fn reply(status: StatusCode, content_type: &'static str, body: Answer) -> Response<Answer> {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-request-id", HeaderValue::from_static("req_0123456789abcdef"));
    headers.insert("openai-processing-ms", HeaderValue::from_static("3"));
    reply
}

/// The body of an answer.
enum Answer {
    Whole(Option<Bytes>),
    Stream(Box<Ticks>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(ticks) => ticks.poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => http_body::SizeHint::default(),
        }
    }
}

/// Content events at a fixed rate, what stands before the first, then the ending.
struct Ticks {
    dialect: Dialect,
    model: String,
    opening: Option<Bytes>,
    left: u64,
    interval: Interval,
    has_ended: bool,
}

impl Ticks {
    fn new(
        dialect: Dialect,
        model: &str,
        chunks: u64,
        period: std::time::Duration,
        phase: std::time::Duration,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a timer begins in the machine's own time")]
        let mut interval = tokio::time::interval_at(Instant::now() + phase, period);
        // A late chunk must not be followed by a burst: the reader counts reads.
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (opening, model) = (dialect.opening(model), model.to_owned());
        Self { dialect, model, opening, left: chunks, interval, has_ended: false }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(opening));
        }
        if self.interval.poll_tick(cx).is_pending() {
            return Poll::Pending;
        }
        if self.left == 0 {
            self.has_ended = true;
            return Poll::Ready(Some(self.dialect.ending(&self.model)));
        }
        self.left -= 1;
        Poll::Ready(Some(self.dialect.event(&self.model)))
    }
}
