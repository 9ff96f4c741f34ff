//! The key of a caller who has no configuration file: made once, kept where only its owner reads it.

use std::{
    env, fs,
    hash::{BuildHasher, RandomState},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use standin_config::ClientKey;

/// The key, where it is kept, and whether it was made just now.
pub(crate) struct Kept {
    pub(crate) text: String,
    pub(crate) path: PathBuf,
    pub(crate) is_new: bool,
}

/// Reads the key, or makes one.
pub(crate) fn keep() -> anyhow::Result<Kept> {
    let path = folder()?.join("client-key");
    if let Ok(text) = fs::read_to_string(&path) {
        let text = text.trim().to_owned();
        if text.len() >= standin_config::KEY_CHARS_MIN {
            return Ok(Kept { text, path, is_new: false });
        }
    }
    let text = make()?;
    write(&path, &text).with_context(|| format!("keep the client key in {}", path.display()))?;
    Ok(Kept { text, path, is_new: true })
}

impl Kept {
    pub(crate) fn digest(&self) -> ClientKey {
        ClientKey { digest: Sha256::digest(self.text.as_bytes()).into() }
    }
}

fn folder() -> anyhow::Result<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Ok(state.or_else(home).context("neither XDG_STATE_HOME nor HOME is set")?.join("standin"))
}

/// 192 random bits, from the system.
fn make() -> anyhow::Result<String> {
    use std::io::Read;
    let mut bytes = [0_u8; 24];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("read /dev/urandom")?;
    Ok(bytes.iter().fold("sk-standin-".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

/// Written beside its place and moved there, so that nobody ever reads half a key; mode 0600 from its first byte.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().context("a key is kept in a folder")?;
    fs::create_dir_all(folder)?;
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(())
}

/// A number that differs between two starts.
#[must_use]
pub fn seed() -> u64 {
    RandomState::new().hash_one("seed")
}
