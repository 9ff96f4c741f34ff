//! Reading a request body once: bounded, within a budget for all of them, and not for ever.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::{Body, Frame};
use standin_core::{Clock, Moment};
use standin_wire::{CallerError, ErrorKind};
use tokio::time::Sleep;

use crate::{
    doorbell,
    found::Found,
    inflate::{Coding, Fault, inflate},
    limits::Limits,
};

/// Bytes that one unit of the budget stands for.
const UNIT: usize = 1024;

/// What a form with files calls itself.
const FORM: &[u8] = b"multipart/form-data";

/// What kinds of bodies a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kinds {
    /// JSON only: a browser's page can send anything else without asking.
    Json,
    /// Forms with files too.
    JsonOrForm,
}

/// The budget for all bodies at once: the units that are left of it. Nobody waits for one.
pub(crate) struct Budget(AtomicUsize);

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(limits.bodies_bytes_max / UNIT)))
    }

    /// Whether there were so many units; then they are taken.
    fn take(&self, units: usize) -> bool {
        let rest = |left: usize| left.checked_sub(units);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

/// What the head of a request says about its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announced {
    /// Bytes that are to come, if it says so.
    length: usize,
    /// How it is compressed.
    coding: Option<Coding>,
}

impl Announced {
    /// Refuses a body by its head alone, before a byte of it is read.
    pub(crate) fn by(found: &Found<'_>, kinds: Kinds, limits: &Limits) -> Result<Self, CallerError> {
        let length: Option<u64> = found.content_length.and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length| length > limits.body_bytes_max as u64) {
            return Err(too_large(limits));
        }
        let unread = |message| CallerError::new(ErrorKind::UnsupportedMedia, message);
        let coding = match found.content_encoding.map(Coding::named) {
            None => None,
            Some(Ok(coding)) if !found.has_several_encodings => coding,
            _ => return Err(unread("The content encoding must be gzip, zstd or none.")),
        };
        // A page can send a form to us without asking, but no key of its own in a header with it.
        let is_of_a_page = found.has_origin && found.authorization.is_none();
        let is_form = |kind: &[u8]| {
            let start = kind.get(..FORM.len());
            kinds == Kinds::JsonOrForm
                && start.is_some_and(|start| start.eq_ignore_ascii_case(FORM))
                && !is_of_a_page
        };
        let is_read = |kind: &[u8]| names_json(kind) || is_form(kind);
        if found.content_type.is_some_and(|kind| !is_read(kind.as_bytes())) {
            return Err(unread("The content type must be application/json."));
        }
        let length = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        Ok(Self { length, coding })
    }
}

/// Reads a body to its end, and inflates it if it came compressed.
///
/// Its share of the budget goes back when the last reference to the bytes is dropped.
pub(crate) async fn read<B>(
    announced: Announced,
    headers: &mut HeaderMap,
    body: &mut B,
    limits: &Limits,
    budget: &Arc<Budget>,
    clock: &dyn Clock,
) -> Result<Bytes, CallerError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut share = Share { budget: Arc::clone(budget), units: 0 };
    let mut bytes = receive(body, announced.length, limits, clock, &mut share).await?;
    if let Some(coding) = announced.coding {
        let received = bytes.len();
        let inflated = inflate(coding, &bytes, limits.body_bytes_max, |size| share.cover(received + size));
        // Boxed: few bodies come compressed, and every request would have room for it.
        bytes = Box::pin(inflated).await.map_err(|fault| match fault {
            Fault::Broken => broken("The request body is not compressed as its content-encoding says."),
            Fault::TooLarge => too_large(limits),
            Fault::NoRoom(error) => error,
        })?;
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
    }
    Ok(Bytes::from_owner(Held { bytes, _share: share }))
}

/// A body, and its share of the budget.
struct Held {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What one request has of the budget.
struct Share {
    budget: Arc<Budget>,
    units: usize,
}

impl Share {
    /// Makes sure that the share covers so many bytes.
    fn cover(&mut self, bytes: usize) -> Result<(), CallerError> {
        let more = bytes.div_ceil(UNIT).saturating_sub(self.units);
        if more > 0 && !self.budget.take(more) {
            let message = "This server holds as many request bodies as it may; try again.";
            return Err(CallerError::new(ErrorKind::Busy, message));
        }
        self.units += more;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.units, Ordering::Relaxed);
    }
}

fn names_json(kind: &[u8]) -> bool {
    // Nearly all that is sent.
    if kind == b"application/json" {
        return true;
    }
    kind.windows(4).any(|window| window.eq_ignore_ascii_case(b"json"))
}

async fn receive<B>(
    body: &mut B,
    expected: usize,
    limits: &Limits,
    clock: &dyn Clock,
    share: &mut Share,
) -> Result<Bytes, CallerError>
where
    B: Body<Data = Bytes> + Unpin,
{
    share.cover(expected)?;
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut received = 0_usize;
    let mut pace = Pace::new(limits, clock);
    while let Some(frame) = pace.next(body, received).await? {
        let Ok(data) = frame.map_err(|_| ended_early())?.into_data() else { continue };
        received += data.len();
        if received > limits.body_bytes_max {
            return Err(too_large(limits));
        }
        share.cover(received)?;
        match first.take() {
            // A body that comes in one piece is not copied.
            None if rest.is_empty() => first = Some(data),
            before => {
                if let Some(before) = before {
                    rest.reserve(expected.max(received));
                    rest.extend_from_slice(&before);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

/// Watches that a body keeps coming: neither silence, nor a drip that no silence ever interrupts.
///
/// A body that is there is read without a look at any clock.
struct Pace<'a> {
    limits: &'a Limits,
    clock: &'a dyn Clock,
    wait: Option<Wait>,
}

/// What is known once there was something to wait for.
struct Wait {
    began: Moment,
    /// How much had been received at the last look, and when that had changed.
    received: usize,
    progress: Moment,
    timer: Pin<Box<Sleep>>,
}

impl<'a> Pace<'a> {
    fn new(limits: &'a Limits, clock: &'a dyn Clock) -> Self {
        Self { limits, clock, wait: None }
    }

    async fn next<B: Body + Unpin>(
        &mut self,
        body: &mut B,
        received: usize,
    ) -> Result<Option<Result<Frame<B::Data>, B::Error>>, CallerError> {
        std::future::poll_fn(|cx| {
            let polled = doorbell::take(cx, |cx| (Pin::new(&mut *body).poll_frame(cx), body.is_end_stream()));
            match polled {
                Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                Poll::Pending => self.poll_late(cx, received).map(|()| Err(late())),
            }
        })
        .await
    }

    /// Ready when the caller has used up its time.
    fn poll_late(&mut self, cx: &mut Context<'_>, received: usize) -> Poll<()> {
        let (now, idle_max) = (self.clock.now(), self.limits.body_idle_max);
        let wait = self.wait.get_or_insert_with(|| Wait {
            began: now,
            received,
            progress: now,
            timer: Box::pin(tokio::time::sleep(idle_max)),
        });
        if received != wait.received {
            (wait.received, wait.progress) = (received, now);
        }
        if is_drip(received, now.since(wait.began), self.limits) {
            return Poll::Ready(());
        }
        // The timer is set again only when it goes off, not with every piece that comes.
        while wait.timer.as_mut().poll(cx).is_ready() {
            let silent = now.since(wait.progress);
            if silent >= idle_max {
                return Poll::Ready(());
            }
            wait.timer.set(tokio::time::sleep(idle_max.saturating_sub(silent)));
        }
        Poll::Pending
    }
}

/// Whether a body comes so slowly that it holds its place for nothing.
fn is_drip(received: usize, elapsed: Duration, limits: &Limits) -> bool {
    elapsed > limits.body_slow_after
        && (received as u64) < elapsed.as_secs().saturating_mul(limits.body_speed_min)
}

fn late() -> CallerError {
    CallerError::new(ErrorKind::RequestTimeout, "The request body did not come in time.")
}

fn ended_early() -> CallerError {
    broken("The request body ended early or is not well framed.")
}

fn broken(message: &str) -> CallerError {
    CallerError::new(ErrorKind::InvalidRequest, message)
}

fn too_large(limits: &Limits) -> CallerError {
    let message = format!("The request body is larger than {} bytes.", limits.body_bytes_max);
    CallerError::new(ErrorKind::BodyTooLarge, message)
}
