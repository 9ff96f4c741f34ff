//! Which headers cross the gateway, in both directions, by allow-list.
//!
//! The lists of one provider family are its executor's; here stand the rules that hold for all of them.

use std::mem;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_TYPE},
};

/// Counts how often a request has passed a gateway like this one.
pub const HOPS: HeaderName = HeaderName::from_static("x-standin-hops");
/// A request that has passed this often is going round in circles.
pub const HOPS_MAX: u32 = 3;
/// What the id of an upstream's reply is called on our side, where `x-request-id` is ours.
pub const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// Names under which upstreams put the id of a reply, best first.
const REQUEST_IDS: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), HeaderName::from_static("request-id")];

/// Headers of a reply that the caller may see. Ids of the account (`openai-organization`) are left out on purpose.
const RELAYED: [HeaderName; 5] = [
    CONTENT_TYPE,
    HeaderName::from_static("openai-processing-ms"),
    HeaderName::from_static("openai-model"),
    HeaderName::from_static("openai-version"),
    HeaderName::from_static("x-models-etag"),
];

/// Room for so many of them is made at once: most upstreams send many headers, of which few are relayed.
const RELAYED_USUAL: usize = 12;

/// Families of such headers.
const RELAYED_FAMILIES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "x-codex-"];

/// How often a request with these headers has passed already; what is no number counts as never.
#[must_use]
pub fn hops(headers: &HeaderMap) -> u32 {
    // Of several values the largest counts, so that a prepended zero hides nothing.
    let read = |value: &HeaderValue| value.to_str().ok()?.trim().parse().ok();
    let all = headers.iter().filter(|(name, _)| **name == HOPS);
    all.filter_map(|(_, value)| read(value)).max().unwrap_or(0)
}

/// Copies the headers named by `allowed`, except those that the sender declared to be for this hop only, and those
/// that are there already: what the operator set stands.
pub fn copy_allowed(from: &HeaderMap, allowed: &[HeaderName], to: &mut HeaderMap) {
    // One walk: a request has few headers, and looking up each name that is allowed costs more. The values of one name
    // stand side by side.
    let mut last: Option<(&HeaderName, bool)> = None;
    for (name, value) in from {
        if !allowed.contains(name) {
            continue;
        }
        let is_copied = match last {
            Some((other, is_copied)) if other == name => is_copied,
            _ => !to.contains_key(name) && !is_for_this_hop(from, name),
        };
        last = Some((name, is_copied));
        if is_copied {
            to.append(name.clone(), value.clone());
        }
    }
}

/// The headers of an upstream's reply that the caller may see.
///
/// Everything else stays here: cookies, transport advice about another host, account ids, framing, and encodings
/// that say nothing about the bytes we send.
#[must_use]
pub fn relay_headers(from: HeaderMap) -> HeaderMap {
    let mut to = HeaderMap::with_capacity(from.len().min(RELAYED_USUAL));
    let for_this_hop: Vec<HeaderValue> = from.get_all(CONNECTION).iter().cloned().collect();
    let mut best_id: Option<(usize, HeaderValue)> = None;
    // The latest one, as long as another value of the same name may follow. Names are moved: the first copy of one that
    // hyper has made needs a box of its own, and most headers about limits have such names.
    let mut latest: Option<(HeaderName, HeaderValue)> = None;
    for (name, value) in from {
        let Some(name) = name else {
            if let Some((name, before)) = &mut latest {
                to.append(name.clone(), mem::replace(before, value));
            }
            continue;
        };
        if let Some((name, value)) = latest.take() {
            to.append(name, value);
        }
        if is_relayed(&name) {
            if !for_this_hop.iter().any(|named| names(named, &name)) {
                latest = Some((name, value));
            }
        } else if let Some(rank) = REQUEST_IDS.iter().position(|known| *known == name)
            && best_id.as_ref().is_none_or(|(other, _)| rank < *other)
        {
            best_id = Some((rank, value));
        }
    }
    if let Some((name, value)) = latest {
        to.append(name, value);
    }
    if let Some((_, id)) = best_id {
        to.append(UPSTREAM_REQUEST_ID, id);
    }
    to
}

fn is_relayed(name: &HeaderName) -> bool {
    RELAYED.contains(name) || RELAYED_FAMILIES.iter().any(|family| name.as_str().starts_with(family))
}

fn is_for_this_hop(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| names(value, name))
}

/// Whether a value of `connection` names a header.
fn names(connection: &HeaderValue, name: &HeaderName) -> bool {
    let mut tokens = connection.as_bytes().split(|byte| *byte == b',');
    tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn sorted(map: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn a14_a_reply_keeps_only_what_a_caller_may_see() {
        let reply = headers(&[
            ("content-type", "application/json"),
            ("content-length", "12"),
            ("content-encoding", "br"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "__cf_bm=1"),
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("openai-organization", "user-abc"),
            ("openai-processing-ms", "12"),
            ("x-ratelimit-remaining-tokens", "10"),
            ("x-request-id", "req_theirs"),
            ("server", "cloudflare"),
        ]);
        let relayed = relay_headers(reply);
        assert_eq!(
            sorted(&relayed),
            ["content-type", "openai-processing-ms", "x-ratelimit-remaining-tokens", "x-upstream-request-id"]
        );
        assert_eq!(relayed["x-upstream-request-id"], "req_theirs");
    }

    #[test]
    fn a11_a_header_named_by_connection_ends_here_in_both_directions() {
        let sent = headers(&[("connection", "close, OpenAI-Beta"), ("openai-beta", "x"), ("te", "trailers")]);
        let mut forwarded = HeaderMap::new();
        copy_allowed(&sent, &[HeaderName::from_static("openai-beta")], &mut forwarded);
        assert!(forwarded.is_empty(), "{forwarded:?}");

        let reply =
            headers(&[("connection", "x-codex-plan"), ("x-codex-plan", "pro"), ("keep-alive", "timeout=5")]);
        assert!(relay_headers(reply).is_empty());
    }

    #[test]
    fn every_value_of_a_header_is_relayed_and_the_best_id_is_one_value() {
        let pair = |(name, value): (&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut reply = HeaderMap::new();
        for (name, value) in [
            ("request-id", "worse"),
            ("x-codex-a", "1"),
            ("server", "s"),
            ("server", "t"),
            ("x-codex-a", "2"),
            ("x-request-id", "best"),
            ("x-request-id", "second"),
            ("x-codex-b", "3"),
            ("x-codex-a", "4"),
            ("set-cookie", "5"),
        ]
        .map(pair)
        {
            reply.append(name, value);
        }
        let relayed = relay_headers(reply);
        let all =
            |name: &str| relayed.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().concat();
        assert_eq!(sorted(&relayed), ["x-codex-a", "x-codex-b", "x-upstream-request-id"]);
        assert_eq!((all("x-codex-a"), all("x-codex-b")), (b"124".to_vec(), b"3".to_vec()));
        assert_eq!(all("x-upstream-request-id"), b"best");
    }

    #[test]
    fn a12_the_largest_hop_count_is_believed_and_nonsense_is_none() {
        assert_eq!(hops(&headers(&[("x-standin-hops", "0"), ("x-standin-hops", " 2 ")])), 2);
        assert_eq!(hops(&headers(&[("x-standin-hops", "many")])), 0);
        assert_eq!(hops(&HeaderMap::new()), 0);
    }
}
