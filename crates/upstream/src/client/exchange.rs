//! One request and its reply on one connection.
//!
//! It owns the connection: whoever drops it closes the socket, unless the reply had ended and the connection went
//! back to its shelf.

use std::{
    error::Error,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use standin_core::Progress;

use super::{
    connection::{Connection, Sent},
    pool::Shelf,
    watch::Watch,
};
use crate::{Limits, Payload, SendError, TransportBody};

/// A request of which the connection took nothing. Boxed: it is rare, and every answer would have room for it.
pub(super) struct Unsent(pub(super) Box<Request<Full<Payload>>>);

/// The body of a reply, and the connection it comes from.
struct Exchange {
    body: Incoming,
    /// None once the reply has ended.
    connection: Option<Box<Connection>>,
    shelf: Shelf,
    /// Gone with the connection once the reply has ended.
    watch: Option<Watch>,
    /// The head has just come; most replies bring their body, or its beginning, along.
    is_fresh: bool,
}

/// Sends a request and waits for the head of the reply.
///
/// No async function, because the future of one would have room for the request and for what becomes of it, twice.
pub(super) fn begin(
    mut connection: Box<Connection>,
    request: Request<Full<Payload>>,
    shelf: Shelf,
    limits: &Limits,
) -> impl Future<Output = Begun> + Send + use<> {
    let watch = Watch::start(limits, connection.alarm.take());
    let sending = connection.send(request);
    Beginning { sending, parts: Some(Parts { connection, shelf, watch }) }
}

/// What comes of a request: the head of its reply, or the request itself if nothing of it was sent.
pub(super) type Begun = Result<Result<Response<TransportBody>, Unsent>, SendError>;

/// What an exchange is made of once its reply begins.
struct Parts {
    connection: Box<Connection>,
    shelf: Shelf,
    watch: Watch,
}

pin_project! {
    struct Beginning<F> {
        #[pin]
        sending: F,
        // None once it is over.
        parts: Option<Parts>,
    }
}

impl<F: Future<Output = Sent>> Future for Beginning<F> {
    type Output = Begun;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Begun> {
        let mut this = self.project();
        let Some(Parts { connection, watch, .. }) = this.parts else { return Poll::Pending };
        let sent = match connection.poll_for(cx, |cx| this.sending.as_mut().poll(cx)) {
            Poll::Ready(sent) => Ok(sent),
            Poll::Pending if connection.has_ended() => {
                Err(SendError::lost("the connection ended before the reply"))
            }
            Poll::Pending => Err(ready!(watch.poll(cx))),
        };
        let Some(Parts { connection, shelf, watch }) = this.parts.take() else { return Poll::Pending };
        // A connection that wrote nothing is the only proof that the upstream has seen nothing.
        let progress = |error: SendError| SendError {
            progress: if connection.has_written() { Progress::Sent } else { Progress::NotSent },
            ..error
        };
        Poll::Ready(match sent {
            Ok(Ok(reply)) if reply.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err(SendError::malformed("the upstream switched protocols (101) unasked"))
            }
            // Boxed at once, so that it is not moved from hand to hand.
            Ok(Ok(reply)) => Ok(Ok(reply
                .map(|body| -> TransportBody { Box::pin(Exchange::new(body, connection, shelf, watch)) }))),
            Ok(Err(mut failed)) => match failed.take_message() {
                Some(request) => Ok(Err(Unsent(Box::new(request)))),
                None => Err(progress(before_head(failed.error()))),
            },
            Err(error) => Err(progress(error)),
        })
    }
}

impl Exchange {
    fn new(body: Incoming, connection: Box<Connection>, shelf: Shelf, watch: Watch) -> Self {
        let (connection, watch) = (Some(connection), Some(watch));
        let mut exchange = Self { body, connection, shelf, watch, is_fresh: true };
        exchange.finish_if_ended();
        exchange
    }

    fn finish_if_ended(&mut self) {
        if self.body.is_end_stream() {
            self.finish();
        }
    }

    /// The reply has ended: the connection goes back to its shelf, if it can serve again.
    fn finish(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && connection.is_ready()
        {
            connection.alarm = self.watch.take().map(Watch::into_alarm);
            self.shelf.put(connection);
        }
    }
}

impl Body for Exchange {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let this = self.get_mut();
        loop {
            let Some(connection) = &mut this.connection else { return Poll::Ready(None) };
            let mut ask = |cx: &mut Context<'_>| Pin::new(&mut this.body).poll_frame(cx);
            let along = match mem::take(&mut this.is_fresh) {
                true => connection.take_along(&mut ask),
                false => Poll::Pending,
            };
            match if along.is_ready() { along } else { connection.poll_for(cx, ask) } {
                Poll::Ready(Some(Ok(frame))) => {
                    this.watch.iter_mut().for_each(Watch::heard);
                    this.finish_if_ended();
                    // Trailers end here: nobody asked for them.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    this.connection = None;
                    return Poll::Ready(Some(Err(after_head(&error))));
                }
                Poll::Ready(None) => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    let error = match connection.has_ended() {
                        true => SendError::cut_short("the reply was cut short: the connection ended"),
                        false => match &mut this.watch {
                            Some(watch) => ready!(watch.poll(cx)),
                            None => return Poll::Pending,
                        },
                    };
                    this.connection = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.connection.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // Readers of an event stream stop at its last event and leave the end of the framing unread. If it has
        // arrived already, the connection is as good as new.
        let Some(connection) = &mut self.connection else { return };
        let body = &mut self.body;
        let mut quiet = Context::from_waker(Waker::noop());
        if let Poll::Ready(None) = connection.poll_for(&mut quiet, |cx| Pin::new(&mut *body).poll_frame(cx)) {
            self.finish();
        }
    }
}

fn before_head(error: &hyper::Error) -> SendError {
    let said = sentence(error);
    if error.is_parse() {
        return SendError::malformed(format!("the reply is not HTTP: {said}"));
    }
    SendError::lost(format!("the connection ended before the reply: {said}"))
}

fn after_head(error: &hyper::Error) -> SendError {
    SendError::cut_short(format!("the reply was cut short: {}", sentence(error)))
}

fn sentence(error: &hyper::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::client::{pool::Pool, socket::Socket};

    fn request() -> Request<Full<Payload>> {
        let request = Request::post("/").header("host", "here");
        request.body(Full::new(Bytes::from_static(b"{}").into())).unwrap()
    }

    #[tokio::test]
    async fn b10_a_request_that_meets_a_dead_connection_comes_back_untouched() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (upstream, _) = listener.accept().await.unwrap();
        let mut connection = Box::new(Connection::open(Socket::plain(stream)).await.unwrap());
        assert!(connection.is_ready());
        drop(upstream);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;

        // The close happened after the pool had looked, so it is found only when the request is about to go out.
        let shelf = Shelf::new(&Arc::new(Pool::default()), &Arc::from("origin"));
        let Ok(Err(Unsent(back))) = begin(connection, request(), shelf, &Limits::default()).await else {
            panic!("the request was due back");
        };
        assert_eq!(back.headers()["host"], "here");
        assert_eq!(back.into_body().size_hint().exact(), Some(2));
    }

    #[tokio::test]
    async fn silence_before_a_byte_could_be_written_is_a_timeout_of_a_request_never_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut upstream, _) = listener.accept().await.unwrap();
        // Filled to the brim by something that is not a request.
        while stream.try_write(&[b'x'; 65536]).is_ok() {}
        stream.flush().await.unwrap();
        let connection = Box::new(Connection::open(Socket::plain(stream)).await.unwrap());
        let shelf = Shelf::new(&Arc::new(Pool::default()), &Arc::from("origin"));
        let limits = Limits { first_byte: std::time::Duration::from_millis(50), ..Limits::default() };
        let error = begin(connection, request(), shelf, &limits).await.err().unwrap();
        assert_eq!((error.class, error.progress), (standin_core::ErrorClass::Timeout, Progress::NotSent));
        assert_eq!(upstream.read_u8().await.unwrap(), b'x');
    }
}
