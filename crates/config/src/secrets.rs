//! Where secrets come from, and which of them are none.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use standin_core::Secret;

/// Characters below which a caller's key can be guessed.
pub const KEY_CHARS_MIN: usize = 16;

/// How values of the environment are looked up; a test brings its own.
pub trait Sources {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Sources for F {
    fn variable(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Reads `env:NAME`, `file:PATH` (relative to `folder`) or a literal.
pub(crate) fn resolve(written: &str, folder: &Path, sources: &dyn Sources) -> Result<Secret, String> {
    if let Some(name) = written.strip_prefix("env:") {
        let value =
            sources.variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        return value.map(Secret::new).ok_or_else(|| format!("the environment variable `{name}` is not set"));
    }
    if let Some(path) = named_file(written, folder) {
        let text =
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(format!("{} is empty", path.display()));
        }
        return Ok(Secret::new(text));
    }
    Ok(Secret::new(written))
}

/// The file that `file:PATH` names.
pub(crate) fn named_file(written: &str, folder: &Path) -> Option<PathBuf> {
    written.strip_prefix("file:").map(|path| folder.join(path))
}

/// The digest of a caller's key, from `sha256:HEX` or from the key itself.
pub(crate) fn client_digest(written: &str, folder: &Path, sources: &dyn Sources) -> Result<[u8; 32], String> {
    if let Some(hex) = written.strip_prefix("sha256:") {
        return from_hex(hex).ok_or_else(|| "`sha256:` is followed by 64 hexadecimal digits".to_owned());
    }
    let secret = resolve(written, folder, sources)?;
    let key = secret.expose();
    if is_sample(key) {
        return Err(
            "this is a sample value; make a key of your own, for example with `openssl rand -hex 24`"
                .to_owned(),
        );
    }
    let length = key.chars().count();
    if length < KEY_CHARS_MIN {
        return Err(format!("a caller's key has at least {KEY_CHARS_MIN} characters, this one has {length}"));
    }
    Ok(Sha256::digest(key.as_bytes()).into())
}

fn from_hex(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (at, place) in digest.iter_mut().enumerate() {
        *place = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

/// Whether a key is one that stands in somebody's documentation.
pub(crate) fn is_sample(key: &str) -> bool {
    let lower = key.trim().to_ascii_lowercase();
    let bare = lower.trim_start_matches("sk-").trim_start_matches("proj-");
    let is_repeated = |text: &str| {
        let mut chars = text.chars().filter(|char| char.is_alphanumeric());
        chars.next().is_some_and(|first| chars.all(|char| char == first))
    };
    lower.is_empty()
        || (lower.starts_with('<') && lower.ends_with('>'))
        || [
            "your_",
            "your-",
            "yourapi",
            "my-api-key",
            "changeme",
            "change-me",
            "change_me",
            "example",
            "placeholder",
        ]
        .iter()
        .any(|sample| bare.starts_with(sample))
        || lower.contains("your-api-key")
        || lower.contains("your_api_key")
        || lower.contains("replace-me")
        || ["sk-...", "...", "xxx", "test", "secret", "password", "dummy"].contains(&lower.as_str())
        || is_repeated(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k9_published_sample_keys_are_recognised_and_real_ones_are_not() {
        for sample in [
            "YOUR_API_KEY",
            "your-api-key-1",
            "changeme",
            "<your key>",
            "sk-xxxxxxxxxxxxxxxxxxxx",
            "sk-...",
            "  ",
            "sk-your-api-key-here",
            "0000000000000000",
            "CHANGE_ME_PLEASE_NOW",
        ] {
            assert!(is_sample(sample), "{sample}");
        }
        for real in ["sk-proj-9vXq2Lm", "gsk_1a2b3c", "k-4711-yourself-exempt", "f3b9a1c2d4e5"] {
            assert!(!is_sample(real), "{real}");
        }
    }

    #[test]
    fn a_digest_is_read_from_hex_or_made_from_the_key() {
        let of = |written: &str| client_digest(written, Path::new("."), &|_: &str| None);
        let made = of("a-long-enough-key-1").unwrap();
        let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(of(&format!("sha256:{hex}")), Ok(made));
        assert!(of("sha256:abc").is_err() && of("short").is_err() && of("env:NOT_THERE").is_err());
    }
}
