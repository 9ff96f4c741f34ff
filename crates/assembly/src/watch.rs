//! A configuration that changes while it is served: taken into use as a whole, or not at all.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use standin_config::Config;
use standin_server::{Site, Tls};
use tokio::signal::unix::Signal;

use crate::{door, ground::Ground, parts::assemble, serve};

/// How often files are looked at. Looking is robust where notifications are not: bind mounts, NFS. Two looks that see
/// the same say that whoever wrote has finished, and a change is to be in use within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// After how many looks a configuration that was refused is tried again: what it lacked may have come.
const LOOKS_UNTIL_RETRY: u32 = 8;

/// What a new configuration is put into.
pub(crate) struct Live {
    pub(crate) file: PathBuf,
    /// Where the command line says to listen.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) site: Arc<Site>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) ground: Arc<Ground>,
}

/// What a look at a file sees: which file it is, its size, and when it was last changed. `None` is no file.
type Stamp = Option<(u64, u64, i64, i64)>;

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec()))
}

/// Looks away from the runtime's own threads: a file system may hang.
async fn look(files: &Arc<[PathBuf]>) -> Vec<Stamp> {
    let files = Arc::clone(files);
    let looking = tokio::task::spawn_blocking(move || files.iter().map(|file| stamp(file)).collect());
    looking.await.unwrap_or_default()
}

/// A configuration, and what a look at its files has seen.
pub(crate) struct Known {
    pub(crate) config: Config,
    /// The file itself, and all that it has had read.
    files: Arc<[PathBuf]>,
    stamps: Vec<Stamp>,
}

/// Reads a configuration. The look comes before everything that takes its time: what changes after it is a change.
pub(crate) fn read(file: &Path) -> anyhow::Result<Known> {
    let own = stamp(file);
    let config = serve::load(Some(file))?;
    let named = config.files.iter().map(PathBuf::as_path);
    let files: Arc<[PathBuf]> = std::iter::once(file).chain(named).map(Path::to_owned).collect();
    let stamps = std::iter::once(own).chain(files.iter().skip(1).map(|file| stamp(file))).collect();
    Ok(Known { config, files, stamps })
}

/// Takes changed files into use, or keeps what is there and says why.
pub(crate) async fn watch(live: Live, known: Known, mut hangup: Option<Signal>) {
    let Known { mut config, mut files, stamps: mut in_use } = known;
    let (mut seen, mut looks) = (in_use.clone(), 0);
    // What was said about a configuration that was refused.
    let mut refused: Option<String> = None;
    loop {
        let is_told = tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => false,
            () = told(hangup.as_mut()) => true,
        };
        let now = look(&files).await;
        let is_settled = now == seen;
        seen = now;
        looks += 1;
        let is_changed = is_settled && seen != in_use;
        let is_due = refused.is_some() && looks >= LOOKS_UNTIL_RETRY;
        if !is_told && !is_changed && !is_due {
            continue;
        }
        (looks, in_use) = (0, seen.clone());
        match reload(&live, &config).await {
            Ok(new) => {
                Known { config, files, stamps: in_use } = new;
                seen.clone_from(&in_use);
                refused = None;
                tracing::info!(file = %live.file.display(), "configuration reloaded");
            }
            Err(error) => {
                let reason = format!("{error:#}");
                if is_told || is_changed || refused.as_ref() != Some(&reason) {
                    tracing::error!("kept the old configuration: {reason}");
                }
                refused = Some(reason);
            }
        }
    }
}

async fn told(hangup: Option<&mut Signal>) {
    match hangup {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Builds everything anew before anything is replaced.
async fn reload(live: &Live, old: &Config) -> anyhow::Result<Known> {
    let file = live.file.clone();
    let known = tokio::task::spawn_blocking(move || read(&file)).await??;
    let config = &known.config;
    let assembly = assemble(config, &live.ground).await?;
    if let Some(tls) = &live.tls {
        door::renew(tls, config, &live.file)?;
    }
    live.site.conductor().reload(assembly);
    live.site.rekey(serve::keyring(config));
    for credential in live.ground.rekeyed(config) {
        live.site.conductor().store().renewed(&credential);
    }
    let is_moved = config.listen != old.listen && live.listen.is_none();
    if is_moved || config.limits != old.limits || config.tls.is_some() != live.tls.is_some() {
        tracing::warn!(
            "listen, [limits] and whether there is a [tls] are read at start: restart to change them"
        );
    }
    Ok(known)
}
