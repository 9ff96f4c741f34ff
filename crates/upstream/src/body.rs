//! Collecting a reply that is wanted whole.

use std::{future::poll_fn, pin::pin, task::Poll};

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::{
    SendError, TransportBody,
    limits::{ERROR_BODY_WAIT, ERROR_BYTES_MAX, REPLY_BYTES_MAX},
};

/// A successful reply's body.
///
/// # Errors
///
/// When it is cut short, falls silent, or is longer than [`REPLY_BYTES_MAX`].
pub async fn collect(mut body: TransportBody) -> Result<Bytes, SendError> {
    let mut buffer = Buffer::default();
    while let Some(chunk) = next(&mut body).await {
        let chunk = chunk?;
        if buffer.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(SendError::malformed(format!("the reply is longer than {REPLY_BYTES_MAX} bytes")));
        }
        buffer.push(chunk, &body, REPLY_BYTES_MAX);
    }
    Ok(buffer.done())
}

/// As much of an error's body as comes in time and fits; the status has been read already, so nothing fails here.
pub async fn collect_error(mut body: TransportBody) -> Bytes {
    let mut buffer = Buffer::default();
    {
        let mut filling = pin!(fill(&mut buffer, &mut body));
        // Most errors have come with their head: only what has to be waited for needs a timer.
        if !poll_fn(|cx| Poll::Ready(filling.as_mut().poll(cx).is_ready())).await {
            // Running out of time is as good as an end: what has come stands in the buffer.
            let _in_time = tokio::time::timeout(ERROR_BODY_WAIT, filling).await;
        }
    }
    buffer.done()
}

async fn fill(buffer: &mut Buffer, body: &mut TransportBody) {
    while let Some(Ok(mut chunk)) = next(body).await {
        chunk.truncate(ERROR_BYTES_MAX - buffer.len());
        buffer.push(chunk, body, ERROR_BYTES_MAX);
        if buffer.len() == ERROR_BYTES_MAX {
            break;
        }
    }
}

async fn next(body: &mut TransportBody) -> Option<Result<Bytes, SendError>> {
    loop {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await?;
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Most replies come in one chunk, which is then passed on as it is; others are copied once into room for all.
#[derive(Default)]
enum Buffer {
    #[default]
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Buffer {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, chunk: Bytes, rest: &TransportBody, most: usize) {
        match self {
            Self::Empty => *self = Self::One(chunk),
            Self::One(first) => {
                let announced = usize::try_from(rest.size_hint().lower()).unwrap_or(most);
                let room = first.len().saturating_add(chunk.len()).saturating_add(announced).min(most);
                let mut all = BytesMut::with_capacity(room);
                all.extend_from_slice(first);
                all.extend_from_slice(&chunk);
                *self = Self::Many(all);
            }
            Self::Many(all) => all.extend_from_slice(&chunk),
        }
    }

    fn done(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(bytes) => bytes,
            Self::Many(bytes) => bytes.freeze(),
        }
    }
}
