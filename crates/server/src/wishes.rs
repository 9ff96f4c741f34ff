//! What a caller says about a request beside its body: how long it may take, who is to serve it, what it belongs to.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use http::HeaderValue;
use standin_core::{CredentialId, RequestId};
use standin_wire::{CallerError, ErrorKind};

use crate::{found::Found, keys::Known};

/// Longest time limit a caller may set itself.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a caller's own name for a request that are worth a place in the log.
const CALLER_ID_BYTES_MAX: usize = 128;

/// What a caller asks of the gateway itself.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) timeout: Option<Duration>,
    pub(crate) pin: Option<CredentialId>,
    /// Digest of the header that names the conversation.
    pub(crate) session: Option<u64>,
}

impl Wishes {
    pub(crate) fn read(found: &Found<'_>, caller: Option<&Known>) -> Result<Self, CallerError> {
        let timeout = match text(found.timeout).map(|text| text.trim().parse::<f64>()) {
            None => None,
            Some(Ok(seconds)) if seconds > 0.0 && seconds <= TIMEOUT_MAX.as_secs_f64() => {
                Some(Duration::from_secs_f64(seconds))
            }
            Some(_) => {
                let message = "x-standin-timeout must be a number of seconds above 0, at most 86400.";
                return Err(CallerError::new(ErrorKind::InvalidRequest, message));
            }
        };
        let pin = text(found.pin).map(CredentialId::from);
        if pin.is_some() && caller.is_some_and(|known| !known.may_pin) {
            let mut error = CallerError::new(ErrorKind::NotAllowed, "Your key may not choose a credential.");
            error.code = Some("credential_not_allowed".to_owned());
            return Err(error);
        }
        Ok(Self { timeout, pin, session: session(found) })
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.map(|value| value.to_str().unwrap_or_default())
}

fn session(found: &Found<'_>) -> Option<u64> {
    let named = found.session().filter(|value| !value.is_empty())?;
    let mut digest = DefaultHasher::new();
    named.as_bytes().hash(&mut digest);
    Some(digest.finish())
}

/// Writes down what connects our log with the caller's: its own name for the request, and that it asks again.
pub(crate) fn note(found: &Found<'_>, id: &RequestId) {
    let caller_id = found.caller_id.and_then(|value| value.to_str().ok());
    let caller_id = caller_id.filter(|text| {
        (1..=CALLER_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let retry = found.retry_count.and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let retry = retry.filter(|count| *count > 0);
    if caller_id.is_some() || retry.is_some() {
        tracing::info!(request = %id, caller_id, caller_retry = retry, "the caller knows this request");
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName};

    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_time_limit_is_a_number_of_seconds_or_a_mistake() {
        let read = |text| {
            let headers = with("x-standin-timeout", text);
            Wishes::read(&Found::within(&headers), None).map(|wishes| wishes.timeout)
        };
        assert_eq!(read("1.5").unwrap(), Some(Duration::from_millis(1500)));
        for text in ["0", "-1", "soon", "", "inf", "NaN", "86401"] {
            assert_eq!(read(text).unwrap_err().kind, ErrorKind::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn a_conversation_has_one_digest_whichever_header_names_it() {
        let read = |name, value| session(&Found::within(&with(name, value)));
        let names = ["x-session-affinity", "session-id", "x-claude-code-session-id", "x-session-id"];
        let digests = names.map(|name| read(name, "7"));
        assert!(digests.iter().all(|digest| digest.is_some() && *digest == digests[0]), "{digests:?}");
        assert_ne!(read("session-id", "8"), digests[0]);
        assert_eq!((read("session-id", ""), read("cookie", "7")), (None, None));
    }
}
