//! What a connection does in answer to one request, as a list of small acts.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::Gate;

/// One thing a scripted connection does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Writes these bytes as they are.
    Send(Bytes),
    /// Waits before the next act, and notices when the other side leaves meanwhile.
    Pause(Duration),
    /// Waits until the test opens this gate, and notices when the other side leaves meanwhile.
    Await(Gate),
    /// Says and does nothing more until the other side leaves.
    Hang,
    /// Closes the connection in the ordinary way.
    Close,
    /// Closes it with a reset (`SO_LINGER` 0), as a crashed or impatient peer does.
    Reset,
}

/// The answer to one request. A play that ends without a closing act keeps the connection for the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Play {
    acts: Vec<Act>,
}

impl Play {
    /// No act at all: a beginning for [`Play::then`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A whole reply with this status, these extra headers and this body; its length is declared.
    #[must_use]
    pub fn reply(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        headers.push(("content-length", &length));
        let mut bytes = head(status, &headers);
        bytes.put_slice(body);
        Self::new().then(Act::Send(bytes.freeze()))
    }

    /// A JSON reply.
    #[must_use]
    pub fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::reply(status, &[("content-type", "application/json")], body)
    }

    /// An HTML page, as a proxy in between sends it.
    #[must_use]
    pub fn html(status: u16, body: &str) -> Self {
        Self::reply(status, &[("content-type", "text/html; charset=utf-8")], body)
    }

    /// A complete event stream: each text is one HTTP chunk, sent as it is, and the body ends well.
    #[must_use]
    pub fn sse<T: AsRef<[u8]>>(chunks: impl IntoIterator<Item = T>) -> Self {
        chunks.into_iter().fold(Self::sse_head(), |play, text| play.chunk(text)).end()
    }

    /// Only the head of an event stream; [`Play::chunk`], [`Play::pause`] and an ending follow.
    #[must_use]
    pub fn sse_head() -> Self {
        let headers = [("content-type", "text/event-stream"), ("transfer-encoding", "chunked")];
        Self::new().then(Act::Send(head(200, &headers).freeze()))
    }

    /// Only the head of a chunked reply of another kind.
    #[must_use]
    pub fn chunked_head(status: u16, content_type: &str) -> Self {
        let headers = [("content-type", content_type), ("transfer-encoding", "chunked")];
        Self::new().then(Act::Send(head(status, &headers).freeze()))
    }

    /// Accepts the request and never says anything.
    #[must_use]
    pub fn silence() -> Self {
        Self::new().then(Act::Hang)
    }

    /// Closes without a word.
    #[must_use]
    pub fn close_before_head() -> Self {
        Self::new().then(Act::Close)
    }

    /// Resets without a word.
    #[must_use]
    pub fn reset_before_head() -> Self {
        Self::new().then(Act::Reset)
    }

    /// Adds any act.
    #[must_use]
    pub fn then(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.then(Act::Send(Bytes::copy_from_slice(bytes.as_ref())))
    }

    /// Adds one HTTP chunk in one write; an empty text adds nothing, because an empty chunk would end the body.
    #[must_use]
    pub fn chunk(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        if text.is_empty() {
            return self;
        }
        let mut bytes = BytesMut::with_capacity(text.len() + 16);
        bytes.put_slice(format!("{:x}\r\n", text.len()).as_bytes());
        bytes.put_slice(text);
        bytes.put_slice(b"\r\n");
        self.then(Act::Send(bytes.freeze()))
    }

    /// Adds `text` in chunks of `size` bytes, wherever that cuts it.
    ///
    /// # Panics
    /// When `size` is 0.
    #[must_use]
    pub fn chunks_of(self, size: usize, text: impl AsRef<[u8]>) -> Self {
        text.as_ref().chunks(size).fold(self, Self::chunk)
    }

    /// Adds a pause.
    #[must_use]
    pub fn pause(self, time: Duration) -> Self {
        self.then(Act::Pause(time))
    }

    /// Adds a gate.
    #[must_use]
    pub fn wait_for(self, gate: &Gate) -> Self {
        self.then(Act::Await(gate.clone()))
    }

    /// The same, after a pause.
    #[must_use]
    pub fn delayed(mut self, time: Duration) -> Self {
        self.acts.insert(0, Act::Pause(time));
        self
    }

    /// Ends a chunked body well.
    #[must_use]
    pub fn end(self) -> Self {
        self.send("0\r\n\r\n")
    }

    /// Ends a chunked body well and closes the connection.
    #[must_use]
    pub fn end_and_close(self) -> Self {
        self.end().then(Act::Close)
    }

    /// Closes in the middle of the body.
    #[must_use]
    pub fn cut(self) -> Self {
        self.then(Act::Close)
    }

    /// Resets in the middle of the body.
    #[must_use]
    pub fn reset(self) -> Self {
        self.then(Act::Reset)
    }

    /// Says nothing more.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(Act::Hang)
    }

    pub(crate) fn acts(&self) -> &[Act] {
        &self.acts
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(256);
    bytes.put_slice(format!("HTTP/1.1 {status} Scripted\r\n").as_bytes());
    for (name, value) in headers {
        bytes.put_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.put_slice(b"\r\n");
    bytes
}
