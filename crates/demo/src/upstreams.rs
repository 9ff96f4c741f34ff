//! The demo's two upstreams: real sockets on loopback, scripted answers.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{body::Frame, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::mpsc};

/// What an upstream does with every request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Script {
    /// Says that it does not serve the model.
    RefuseModel,
    /// Streams an answer, word by word.
    Answer,
}

const REFUSAL: &str = r#"{"error":{"message":"The requested model 'swift-1' is not supported.","type":"invalid_request_error","param":"model","code":"model_not_supported"}}"#;
const WORDS: [&str; 10] =
    ["I ", "am ", "the ", "stand-in: ", "the ", "first ", "model ", "could ", "not ", "go on."];
/// Distance of two words.
const PACE: Duration = Duration::from_millis(25);

type Body = BoxBody<Bytes, Infallible>;

/// Starts one; it lives as long as the process.
pub(crate) async fn start(script: Script) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request| answer(script, request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn answer(script: Script, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let asked = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let wants_stream = asked.windows(13).any(|window| window == br#""stream":true"#);
    Ok(match script {
        Script::RefuseModel => whole(StatusCode::BAD_REQUEST, REFUSAL.into()),
        Script::Answer if wants_stream => streamed(),
        Script::Answer => {
            let message = format!(r#"{{"role":"assistant","content":"{}"}}"#, WORDS.concat());
            let choice = format!(r#"{{"index":0,"message":{message},"finish_reason":"stop"}}"#);
            let head = r#""id":"demo","object":"chat.completion","created":1,"model":"sturdy-2""#;
            whole(StatusCode::OK, format!(r#"{{{head},"choices":[{choice}]}}"#))
        }
    })
}

fn whole(status: StatusCode, body: String) -> Response<Body> {
    let mut reply = Response::new(Full::new(Bytes::from(body)).boxed());
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    reply
}

fn streamed() -> Response<Body> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        let head = r#""id":"demo","object":"chat.completion.chunk","created":1,"model":"sturdy-2""#;
        let chunk = |delta: &str, finish: &str| {
            Bytes::from(format!(
                "data: {{{head},\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
            ))
        };
        let mut events = vec![chunk(r#"{"role":"assistant"}"#, "null")];
        events.extend(WORDS.iter().map(|word| chunk(&format!(r#"{{"content":"{word}"}}"#), "null")));
        events.push(chunk("{}", "\"stop\""));
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        for event in events {
            if sender.send(event).await.is_err() {
                return;
            }
            tokio::time::sleep(PACE).await;
        }
    });
    let frames = futures_util::stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|next| next.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes))))
    });
    let mut reply = Response::new(BodyExt::boxed(StreamBody::new(frames)));
    reply.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/event-stream"));
    reply
}
