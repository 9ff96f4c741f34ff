//! Who may call: keys by digest, compared in constant time, and what each may ask for.

use std::{borrow::Cow, collections::HashMap};

use http::HeaderValue;
use sha2::{Digest, Sha256};
use standin_core::ClientId;
use subtle::ConstantTimeEq;
use wildmatch::WildMatch;

use crate::{escape::unescape, found::Found, seen::Seen};

/// Bytes of a presented key that are looked at; a longer one is no key.
const KEY_BYTES_MAX: usize = 4096;

/// One caller.
#[derive(Debug, Clone)]
pub struct Client {
    /// The operator's name for it.
    pub name: ClientId,
    /// SHA-256 of its key. The key itself is not kept.
    pub digest: [u8; 32],
    /// Globs over the names it may ask for.
    pub models: Vec<String>,
    /// Whether it may pin a credential.
    pub may_pin: bool,
}

/// Every caller. Without any, everybody may call: whoever builds one has checked that the listener is a loopback.
#[derive(Debug, Default)]
pub struct Keyring {
    clients: Vec<Known>,
    by_head: HashMap<[u8; 8], Vec<usize>>,
    seen: Seen,
}

/// A caller, ready to be asked.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) name: ClientId,
    pub(crate) may_pin: bool,
    digest: [u8; 32],
    models: Vec<WildMatch>,
    /// One of the globs is `*`.
    is_free: bool,
}

impl Known {
    pub(crate) fn may_ask_for(&self, model: &str) -> bool {
        self.is_free || self.models.iter().any(|glob| glob.matches(model))
    }
}

impl Keyring {
    /// A keyring of these callers.
    #[must_use]
    pub fn new(clients: Vec<Client>) -> Self {
        let mut ring = Self { seen: Seen::with_room_for(clients.len()), ..Self::default() };
        for Client { name, digest, models, may_pin } in clients {
            let is_free = models.iter().any(|glob| glob == "*");
            let models = models.iter().map(|glob| WildMatch::new(glob)).collect();
            ring.by_head.entry(head(&digest)).or_default().push(ring.clients.len());
            ring.clients.push(Known { name, may_pin, digest, models, is_free });
        }
        ring
    }

    /// Whether keys are asked for at all.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.clients.is_empty()
    }

    /// The caller behind a key. Only digests are compared, so timing says nothing about a key.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Known> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return None;
        }
        let tag = self.seen.tag(key);
        let who =
            self.seen.find(tag).or_else(|| self.search(key).inspect(|who| self.seen.keep(tag, *who)))?;
        self.clients.get(who)
    }

    fn search(&self, key: &[u8]) -> Option<usize> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let is_it = |who: &&usize| bool::from(self.clients[**who].digest.ct_eq(&digest));
        self.by_head.get(&head(&digest))?.iter().find(is_it).copied()
    }
}

fn head(digest: &[u8; 32]) -> [u8; 8] {
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    head
}

/// The keys a request presents, in all of the forms that clients use. Some fill several: a placeholder in the one, the
/// caller's key in the other.
pub(crate) fn presented<'r>(
    found: &Found<'r>,
    query: Option<&'r str>,
) -> impl Iterator<Item = Cow<'r, [u8]>> + use<'r> {
    let bearer = found.authorization.and_then(|value| {
        let (scheme, key) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    let others = [found.anthropic_key, found.google_key].into_iter().flatten().map(HeaderValue::as_bytes);
    let in_headers = bearer.into_iter().chain(others);
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    let in_query = pairs.filter_map(|pair| pair.strip_prefix("key=")).take(1).map(unescape);
    in_headers.map(Cow::Borrowed).chain(in_query).filter(|key| !key.is_empty())
}

/// The query without the caller's key.
pub(crate) fn without_key(query: &str) -> Option<String> {
    let kept: Vec<_> =
        query.split('&').filter(|pair| !pair.starts_with("key=") && !pair.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, header};

    use super::*;

    fn ring() -> Keyring {
        let digest = Sha256::digest(b"a-key-of-a-laptop").into();
        let models = vec!["gpt-*".to_owned()];
        Keyring::new(vec![Client { name: "laptop".into(), digest, models, may_pin: false }])
    }

    #[test]
    fn a_key_is_found_in_every_form_that_clients_use() {
        let header = |name: HeaderName, value: &'static str| {
            HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
        };
        let forms = [
            (header(header::AUTHORIZATION, "Bearer a-key-of-a-laptop"), None),
            (header(header::AUTHORIZATION, "bearer  a-key-of-a-laptop"), None),
            (header(HeaderName::from_static("x-api-key"), "a-key-of-a-laptop"), None),
            (header(HeaderName::from_static("x-goog-api-key"), "a-key-of-a-laptop"), None),
            (HeaderMap::new(), Some("beta=true&key=a-key-of-a-laptop")),
            (HeaderMap::new(), Some("key=a%2Dkey-of-a-laptop")),
            (header(header::AUTHORIZATION, "Bearer none"), Some("key=a-key-of-a-laptop")),
        ];
        for (headers, query) in forms {
            let mut shown = presented(&Found::within(&headers), query);
            let known = shown.find_map(|key| ring().find(&key).map(|known| known.name.clone()));
            assert_eq!(known, Some("laptop".into()), "{headers:?} {query:?}");
        }
    }

    #[test]
    fn a_key_that_was_found_once_is_found_again_and_stays_its_own_callers() {
        let client = |name: &str| Client {
            name: name.into(),
            digest: Sha256::digest(name).into(),
            models: vec![],
            may_pin: false,
        };
        let names: Vec<String> = (0..300).map(|number| format!("caller-{number}")).collect();
        let ring = Keyring::new(names.iter().map(|name| client(name)).collect());
        for _ in 0..2 {
            for name in &names {
                assert_eq!(ring.find(name.as_bytes()).map(|known| known.name.as_str()), Some(name.as_str()));
            }
            assert!(ring.find(b"caller-300").is_none());
        }
    }

    #[test]
    fn k4_anything_else_is_no_key() {
        let ring = ring();
        let long = vec![b'a'; 1 << 20];
        for key in [&b""[..], b"a-key-of-a-lapto", b"a-key-of-a-laptop ", b"\"a\"%00", b"\0", &long] {
            assert!(ring.find(key).is_none());
        }
    }

    #[test]
    fn globs_say_what_a_caller_may_ask_for() {
        let ring = ring();
        let known = ring.find(b"a-key-of-a-laptop").unwrap();
        assert_eq!((known.may_ask_for("gpt-5"), known.may_ask_for("claude")), (true, false));
    }

    #[test]
    fn the_key_leaves_the_query_and_the_rest_stays() {
        assert_eq!(without_key("beta=true&key=abc&x=1").as_deref(), Some("beta=true&x=1"));
        assert_eq!(without_key("key=abc"), None);
    }
}
