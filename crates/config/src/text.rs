//! Values that are written as text: durations and addresses.

use std::{net::SocketAddr, ops::Range, time::Duration};

use crate::{file::Text, problem::Problems};

/// A duration such as `"15s"` or `"1h 30m"`.
pub(crate) fn duration(problems: &mut Problems<'_>, key: &str, text: Option<&Text>) -> Option<Duration> {
    let text = text?;
    match humantime::parse_duration(text.get_ref()) {
        Ok(duration) => Some(duration),
        Err(error) => {
            let message =
                format!("`{}` is no duration ({error}); write for example \"15s\" or \"2m\"", text.get_ref());
            problems.add(text.span(), key, message);
            None
        }
    }
}

/// Where to listen.
pub(crate) fn address(problems: &mut Problems<'_>, key: &str, text: &Text) -> Option<SocketAddr> {
    let parsed = text.get_ref().parse();
    if parsed.is_err() {
        let message = format!(
            "`{}` is no address; write for example \"127.0.0.1:8317\" or \"[::1]:8317\"",
            text.get_ref()
        );
        problems.add(text.span(), key, message);
    }
    parsed.ok()
}

/// A base URL: http or https, with a host and without a login.
pub(crate) fn base_url(problems: &mut Problems<'_>, key: &str, text: &Text, warnings: &mut Vec<String>) {
    let span: Range<usize> = text.span();
    let Ok(uri) = text.get_ref().parse::<http::Uri>() else {
        return problems.add(span, key, "this is no URL; write for example \"https://api.example.com/v1\"");
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || uri.host().is_none() {
        return problems.add(span, key, "a base URL begins with http:// or https:// and names a host");
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return problems.add(
            span,
            key,
            "a base URL holds no login; put the key into [[upstream.credential]]",
        );
    }
    let host = uri.host().unwrap_or_default();
    let is_loopback = host == "localhost" || host.starts_with("127.") || host == "[::1]";
    if scheme == "http" && !is_loopback {
        warnings.push(format!("{key}: keys for {host} go over http, which everybody on the way can read"));
    }
}
