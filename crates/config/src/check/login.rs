//! The file of a login, as far as can be said without using it.

use std::{fs, path::Path};

use serde::Deserialize;

use crate::modes::open_to_others;

#[derive(Deserialize)]
struct Shape {
    tokens: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
}

/// Whether the file can be used: what is wrong with it, or what is only odd.
pub(super) fn look_at(path: &Path) -> Result<Option<String>, String> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let what = "a login file has the shape of the Codex CLI's auth.json";
    // What the parser says could repeat a token.
    let shape: Shape = serde_json::from_slice(&text).map_err(|_| format!("{shown} is no login: {what}"))?;
    let is_whole = shape
        .tokens
        .is_some_and(|tokens| !tokens.access_token.is_empty() && !tokens.refresh_token.is_empty());
    if !is_whole {
        return Err(format!("{shown} holds no tokens: {what}; log in, or use `key`"));
    }
    Ok(open_to_others(path))
}
