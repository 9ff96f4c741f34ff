//! The file of a login, in the shape of the Codex CLI's `auth.json`: read, changed in three places, and put back whole.
//!
//! The file may be shared with that program, so whatever else stands in it is kept as it is.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde_json::{Map, Value};
use standin_core::Secret;

/// Bytes of a login file that are read; a real one has some four thousand.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What a login consists of.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    /// Opens the API, for some days.
    pub(crate) access: Secret,
    /// Gets new ones. Each is good once.
    pub(crate) refresh: Secret,
    /// Says who logged in, and to which client the tokens were given.
    pub(crate) id: Option<Secret>,
    /// The account that pays.
    pub(crate) account: Option<String>,
}

impl Tokens {
    /// Whether both open the same door: what was read is what is held already.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.access.expose() == other.access.expose() && self.refresh.expose() == other.refresh.expose()
    }
}

/// Why a login file cannot be used. What stands in it is never repeated.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("read login file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no login.
    #[error(
        "read login file {path}: it has not the shape of the Codex CLI's auth.json, with access and refresh token"
    )]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the tokens.
pub(crate) fn read(path: &Path) -> Result<Tokens, FileError> {
    let document = document(path)?;
    let tokens = document.get("tokens").and_then(Value::as_object);
    let text = |name: &str| tokens?.get(name)?.as_str().filter(|text| !text.is_empty());
    let (Some(access), Some(refresh)) = (text("access_token"), text("refresh_token")) else {
        return Err(FileError::Shape { path: path.to_owned() });
    };
    Ok(Tokens {
        access: Secret::new(access),
        refresh: Secret::new(refresh),
        id: text("id_token").map(Secret::new),
        account: text("account_id").map(str::to_owned),
    })
}

/// Puts new tokens into the file. Whoever reads it meanwhile reads the old one or the new one, and nobody but its
/// owner can.
pub(crate) fn write(path: &Path, tokens: &Tokens, now: SystemTime) -> io::Result<()> {
    // A file that went, or that somebody broke, is made anew: the tokens in memory are the only ones left.
    let mut document = document(path).unwrap_or_default();
    let entry = document.entry("tokens").or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    let optional =
        [("id_token", tokens.id.as_ref().map(Secret::expose)), ("account_id", tokens.account.as_deref())];
    let always =
        [("access_token", Some(tokens.access.expose())), ("refresh_token", Some(tokens.refresh.expose()))];
    for (name, value) in always.into_iter().chain(optional) {
        if let Some(value) = value {
            entry[name] = value.into();
        }
    }
    if let Ok(stamp) = jiff::Timestamp::try_from(now) {
        document.insert("last_refresh".to_owned(), stamp.to_string().into());
    }
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    replace(path, &text)
}

fn document(path: &Path) -> Result<Map<String, Value>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    if fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(FileError::Shape { path: path.to_owned() });
    }
    let text = fs::read(path).map_err(failed)?;
    serde_json::from_slice(&text).map_err(|_| FileError::Shape { path: path.to_owned() })
}

/// Written beside its place, made durable, moved there, and the move made durable.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // A link stays a link: its target is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_beside(&beside, text).and_then(|()| fs::rename(&beside, &path));
    if written.is_err() {
        // Nothing of it is of use to anybody; the reason for the failure is what counts.
        let _ = fs::remove_file(&beside);
        return written;
    }
    fs::File::open(folder)?.sync_all()
}

fn write_beside(path: &Path, text: &[u8]) -> io::Result<()> {
    // A leftover of a crash might have another mode.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// What tells two states of a file apart without reading it.
pub(crate) fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FILE: &str = r#"{"auth_mode":"chatgpt","OPENAI_API_KEY":null,"tokens":{"id_token":"i","access_token":"a1",
        "refresh_token":"r1","account_id":"acc","extra":{"deep":[1,2.50]}},"last_refresh":"2026-01-01T00:00:00Z","more":1}"#;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn tokens(access: &str, refresh: &str) -> Tokens {
        Tokens { access: Secret::new(access), refresh: Secret::new(refresh), id: None, account: None }
    }

    #[test]
    fn p3_a_new_token_is_put_back_for_its_owner_only_and_whatever_else_stands_there_stays() {
        let folder = folder();
        let path = folder.path().join("auth.json");
        fs::write(&path, FILE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        write(&path, &tokens("a2", "r2"), now).unwrap();

        let before: Value = serde_json::from_str(FILE).unwrap();
        let mut expected = before.clone();
        expected["tokens"]["access_token"] = "a2".into();
        expected["tokens"]["refresh_token"] = "r2".into();
        expected["last_refresh"] = "2027-01-15T08:00:00Z".into();
        let after: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(after, expected);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["auth.json"], "nothing is left beside it");
    }

    #[test]
    fn p3_a_folder_that_takes_no_file_leaves_the_old_login_as_it_is() {
        let folder = folder();
        let path = folder.path().join("auth.json");
        fs::write(&path, FILE).unwrap();
        // A folder in the place of the new file cannot be removed as a file, whoever runs this.
        fs::create_dir(folder.path().join(format!(".auth.json.{}.new", std::process::id()))).unwrap();
        assert!(write(&path, &tokens("a2", "r2"), SystemTime::UNIX_EPOCH).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
    }

    #[test]
    fn a_link_stays_a_link() {
        let folder = folder();
        let (real, link) = (folder.path().join("real.json"), folder.path().join("auth.json"));
        fs::write(&real, FILE).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, &tokens("a2", "r2"), SystemTime::UNIX_EPOCH).unwrap();
        assert!(link.is_symlink());
        assert_eq!(read(&real).unwrap().access.expose(), "a2");
    }

    #[test]
    fn what_is_no_login_is_refused_without_repeating_it() {
        let folder = folder();
        let path = folder.path().join("auth.json");
        for text in ["", "hunter2", "[]", r#"{"tokens":null}"#, r#"{"tokens":{"access_token":"hunter2"}}"#] {
            fs::write(&path, text).unwrap();
            let said = format!("{0} {0:?}", read(&path).unwrap_err());
            assert!(said.contains("auth.json") && !said.contains("hunter2"), "{said}");
        }
        assert!(matches!(read(Path::new("/nowhere/auth.json")), Err(FileError::Read { .. })));
    }
}
