//! What a token says about itself. It is read, not verified: the upstream does that.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// The claims that matter here.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Claims {
    #[serde(default)]
    exp: Option<u64>,
    #[serde(default)]
    aud: Option<Audience>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default, rename = "https://api.openai.com/auth")]
    auth: Option<Auth>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Auth {
    #[serde(default)]
    chatgpt_account_id: Option<String>,
}

impl Claims {
    /// Those of a token; none for one that does not say.
    pub(crate) fn of(token: &str) -> Self {
        let payload = token.split('.').nth(1).map(|part| part.trim_end_matches('='));
        let json = payload.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        json.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// When it ends.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.exp?))
    }

    /// The client that it was given to: only that one can renew it.
    pub(crate) fn client(&self) -> Option<&str> {
        let audience = match self.aud.as_ref() {
            Some(Audience::One(name)) => Some(name),
            Some(Audience::Several(names)) => names.first(),
            None => None,
        };
        self.client_id.as_ref().or(audience).map(String::as_str)
    }

    /// The account behind it.
    pub(crate) fn account(&self) -> Option<&str> {
        self.auth.as_ref()?.chatgpt_account_id.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("head.{}.signature", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_says_when_it_ends_whom_it_was_given_to_and_for_which_account() {
        let claims = Claims::of(&token(
            r#"{"exp":1800000000,"aud":["app_x"],"https://api.openai.com/auth":{"chatgpt_account_id":"acc"}}"#,
        ));
        assert_eq!(claims.expires(), SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1_800_000_000)));
        assert_eq!((claims.client(), claims.account()), (Some("app_x"), Some("acc")));
        assert_eq!(Claims::of(&token(r#"{"aud":"one","client_id":"app_y"}"#)).client(), Some("app_y"));
    }

    #[test]
    fn a_token_that_says_nothing_is_a_token_all_the_same() {
        for token in ["", "opaque", "a.b.c", "a.%%%.c"] {
            assert_eq!(Claims::of(token), Claims::default(), "{token}");
        }
    }
}
