//! What the tests of this binary share.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use standin_core::{ErrorClass, Progress};
use standin_upstream::{Endpoint, HttpTransport, Limits, Payload, SendError, Transport, TransportBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Limits that are short enough to be reached in a test, and long enough for a busy machine.
pub(crate) const SHORT: Limits = Limits {
    connect: Duration::from_millis(400),
    first_byte: Duration::from_millis(200),
    idle: Duration::from_millis(200),
};

pub(crate) type Answer = Result<Response<TransportBody>, SendError>;

pub(crate) struct Client {
    pub(crate) transport: Arc<HttpTransport>,
    pub(crate) endpoint: Endpoint,
    pub(crate) limits: Limits,
}

impl Client {
    pub(crate) fn new(base_url: &str) -> Self {
        Self::via(base_url, None)
    }

    pub(crate) fn via(base_url: &str, proxy: Option<&str>) -> Self {
        Self {
            transport: Arc::new(HttpTransport::new(None).unwrap()),
            endpoint: Endpoint::parse(base_url, proxy).unwrap(),
            limits: Limits::default(),
        }
    }

    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) async fn post(&self, body: impl Into<Bytes>) -> Answer {
        self.send(body.into().into()).await
    }

    pub(crate) async fn send(&self, payload: Payload) -> Answer {
        let mut request = Request::new(payload);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Endpoint::target("/v1/test").unwrap();
        request.headers_mut().insert("host", self.endpoint.host_header().clone());
        request.headers_mut().insert("authorization", "Bearer k1".parse().unwrap());
        self.transport.request(&self.endpoint, request, &self.limits).await
    }

    /// A whole reply.
    pub(crate) async fn whole(&self) -> Result<(u16, HeaderMap, String), SendError> {
        let (head, body) = self.post("{}").await?.into_parts();
        let text = String::from_utf8(standin_upstream::collect(body).await?.to_vec()).unwrap();
        Ok((head.status.as_u16(), head.headers, text))
    }
}

pub(crate) async fn next(body: &mut TransportBody) -> Option<Result<Bytes, SendError>> {
    let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap()))
}

#[track_caller]
pub(crate) fn assert_failed<T>(
    answer: Result<T, SendError>,
    class: ErrorClass,
    progress: Progress,
    says: &str,
) {
    let Err(error) = answer else { panic!("a failure was due") };
    assert_eq!((error.class, error.progress), (class, progress), "{error}");
    assert!(error.message.contains(says), "`{error}` does not say `{says}`");
}

/// A server of one connection that is written out by hand.
pub(crate) async fn serve<F>(talk: impl FnOnce(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        talk(stream).await;
    });
    port
}

/// Reads until the end of a head has come.
pub(crate) async fn read_head<S: AsyncReadExt + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

/// Answers one request of any small body with `hello`.
pub(crate) async fn say_hello<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: &mut S) -> String {
    let head = read_head(stream).await;
    let mut body = [0; 2];
    stream.read_exact(&mut body).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
    stream.flush().await.unwrap();
    head
}

/// Answers one request with its own body.
pub(crate) async fn echo<S: AsyncReadExt + AsyncWriteExt + Unpin>(stream: &mut S) {
    let head = read_head(stream).await;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    stream
        .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes())
        .await
        .unwrap();
    stream.write_all(&body).await.unwrap();
    stream.flush().await.unwrap();
}

/// A port on which nobody listens.
pub(crate) async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
