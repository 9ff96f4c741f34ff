//! Reading a request body once: bounded, within a budget for all of them, and not for ever.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body::Body;
use http_body_util::BodyExt;
use standin_core::{Clock, Moment};
use standin_wire::{CallerError, ErrorKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;

/// Bytes that one unit of the budget stands for.
const UNIT: usize = 1024;
/// From when on a body has to come at a minimum speed.
const SLOW_AFTER: Duration = Duration::from_secs(30);
/// Bytes per second below which a body is too slow.
const SPEED_MIN: u64 = 1024;

/// A body that was read, and its share of the budget.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: Bytes,
    /// Given back when the request is over.
    pub(crate) share: OwnedSemaphorePermit,
}

/// The budget for all bodies at once.
pub(crate) fn budget(limits: &Limits) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits.bodies_bytes_max / UNIT))
}

/// The length a request declares.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses a body by its head alone, before a byte of it is read.
pub(crate) fn refuse_by_head(headers: &HeaderMap, limits: &Limits) -> Result<(), CallerError> {
    if declared(headers).is_some_and(|length| length > limits.body_bytes_max as u64) {
        return Err(too_large(limits));
    }
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let message = "Compressed request bodies are not accepted; send the body as it is.";
        return Err(CallerError::new(ErrorKind::UnsupportedMedia, message));
    }
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    if kind.is_some_and(|kind| !names_json(&kind)) {
        let message = "The content type must be application/json.";
        return Err(CallerError::new(ErrorKind::UnsupportedMedia, message));
    }
    Ok(())
}

fn names_json(kind: &[u8]) -> bool {
    kind.windows(4).any(|window| window == b"json")
}

/// Reads a body to its end.
pub(crate) async fn read<B>(
    headers: &HeaderMap,
    mut body: B,
    limits: &Limits,
    budget: &Arc<Semaphore>,
    clock: &dyn Clock,
) -> Result<Held, CallerError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let expected = declared(headers).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut share = take(budget, expected)?;
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut received = 0_usize;
    let pace = Pace { idle_max: limits.body_idle_max, clock, began: clock.now() };
    while let Some(frame) = pace.next(body.frame(), received).await? {
        let Ok(data) = frame.map_err(|_| broken())?.into_data() else { continue };
        received += data.len();
        if received > limits.body_bytes_max {
            return Err(too_large(limits));
        }
        if received > expected {
            share.merge(take(budget, data.len())?);
        }
        match (&first, rest.is_empty()) {
            // A body that comes in one piece is not copied.
            (None, true) => first = Some(data),
            (Some(_), _) => {
                rest.reserve(expected.max(received));
                rest.extend_from_slice(&first.take().unwrap_or_default());
                rest.extend_from_slice(&data);
            }
            (None, false) => rest.extend_from_slice(&data),
        }
    }
    Ok(Held { bytes: first.unwrap_or_else(|| rest.freeze()), share })
}

fn take(budget: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, CallerError> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    Arc::clone(budget).try_acquire_many_owned(units).map_err(|_| {
        CallerError::new(ErrorKind::Busy, "This server holds as many request bodies as it may; try again.")
    })
}

/// Watches that a body keeps coming: neither silence, nor a drip that no silence ever interrupts.
struct Pace<'a> {
    idle_max: Duration,
    clock: &'a dyn Clock,
    began: Moment,
}

impl Pace<'_> {
    async fn next<F: Future>(&self, frame: F, received: usize) -> Result<F::Output, CallerError> {
        let next = tokio::time::timeout(self.idle_max, frame).await.map_err(|_| late())?;
        let elapsed = self.clock.now().since(self.began);
        let is_drip = elapsed > SLOW_AFTER && (received as u64) < elapsed.as_secs().saturating_mul(SPEED_MIN);
        if is_drip { Err(late()) } else { Ok(next) }
    }
}

fn late() -> CallerError {
    CallerError::new(ErrorKind::RequestTimeout, "The request body did not come in time.")
}

fn broken() -> CallerError {
    CallerError::new(ErrorKind::InvalidRequest, "The request body ended early or is not well framed.")
}

fn too_large(limits: &Limits) -> CallerError {
    let message = format!("The request body is larger than {} bytes.", limits.body_bytes_max);
    CallerError::new(ErrorKind::BodyTooLarge, message)
}
