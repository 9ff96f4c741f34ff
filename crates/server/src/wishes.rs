//! What a caller says about a request beside its body: how long it may take, who is to serve it, what it belongs to.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use standin_core::{CredentialId, RequestId};
use standin_wire::{CallerError, ErrorKind};

use crate::keys::Known;

/// Longest time limit a caller may set itself.
const TIMEOUT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a caller's own name for a request that are worth a place in the log.
const CALLER_ID_BYTES_MAX: usize = 128;

const TIMEOUT: HeaderName = HeaderName::from_static("x-standin-timeout");
const PIN: HeaderName = HeaderName::from_static("x-standin-credential");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");

/// Headers that name a conversation, as agents send them.
const SESSIONS: [HeaderName; 4] = [
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("x-session-id"),
];

/// What a caller asks of the gateway itself.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) timeout: Option<Duration>,
    pub(crate) pin: Option<CredentialId>,
    /// Digest of the header that names the conversation.
    pub(crate) session: Option<u64>,
}

impl Wishes {
    pub(crate) fn read(headers: &HeaderMap, caller: Option<&Known>) -> Result<Self, CallerError> {
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let timeout = match text(&TIMEOUT).map(|text| text.trim().parse::<f64>()) {
            None => None,
            Some(Ok(seconds)) if seconds > 0.0 && seconds <= TIMEOUT_MAX.as_secs_f64() => {
                Some(Duration::from_secs_f64(seconds))
            }
            Some(_) => {
                let message = "x-standin-timeout must be a number of seconds above 0, at most 86400.";
                return Err(CallerError::new(ErrorKind::InvalidRequest, message));
            }
        };
        let pin = text(&PIN).map(CredentialId::from);
        if pin.is_some() && caller.is_some_and(|known| !known.may_pin) {
            let mut error = CallerError::new(ErrorKind::NotAllowed, "Your key may not choose a credential.");
            error.code = Some("credential_not_allowed".to_owned());
            return Err(error);
        }
        Ok(Self { timeout, pin, session: session(headers) })
    }
}

fn session(headers: &HeaderMap) -> Option<u64> {
    let named = SESSIONS.iter().find_map(|name| headers.get(name)).filter(|value| !value.is_empty())?;
    let mut digest = DefaultHasher::new();
    named.as_bytes().hash(&mut digest);
    Some(digest.finish())
}

/// Writes down what connects our log with the caller's: its own name for the request, and that it asks again.
pub(crate) fn note(headers: &HeaderMap, id: &RequestId) {
    let caller_id = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let caller_id = caller_id.filter(|text| {
        (1..=CALLER_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    });
    let retry = headers.get(RETRY_COUNT).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    let retry = retry.filter(|count| *count > 0);
    if caller_id.is_some() || retry.is_some() {
        tracing::info!(request = %id, caller_id, caller_retry = retry, "the caller knows this request");
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
    }

    #[test]
    fn a_time_limit_is_a_number_of_seconds_or_a_mistake() {
        let read = |text| Wishes::read(&with("x-standin-timeout", text), None).map(|wishes| wishes.timeout);
        assert_eq!(read("1.5").unwrap(), Some(Duration::from_millis(1500)));
        for text in ["0", "-1", "soon", "", "inf", "NaN", "86401"] {
            assert_eq!(read(text).unwrap_err().kind, ErrorKind::InvalidRequest, "{text}");
        }
    }

    #[test]
    fn a_conversation_has_one_digest_whichever_header_names_it() {
        let read = |name, value| session(&with(name, value));
        let names = ["x-session-affinity", "session-id", "x-claude-code-session-id", "x-session-id"];
        let digests = names.map(|name| read(name, "7"));
        assert!(digests.iter().all(|digest| digest.is_some() && *digest == digests[0]), "{digests:?}");
        assert_ne!(read("session-id", "8"), digests[0]);
        assert_eq!((read("session-id", ""), read("cookie", "7")), (None, None));
    }
}
