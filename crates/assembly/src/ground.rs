//! What outlives a configuration: the way out, the clock, and the logins that are in use.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use standin_codex::{FileError, Login, Office};
use standin_conductor::{Conductor, SystemClock};
use standin_config::Config;
use standin_core::{Clock, CredentialId};
use standin_upstream::{HttpTransport, Transport};

/// How often files of logins are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Shared by every configuration of one process.
pub struct Ground {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
    /// By the real place of their file.
    logins: Mutex<HashMap<PathBuf, Known>>,
    /// Digests of the keys in use.
    keys: Mutex<HashMap<CredentialId, [u8; 32]>>,
}

/// A login that some configuration has opened.
struct Known {
    credential: CredentialId,
    login: Weak<Login>,
    /// The tokens that the store has been told of.
    told: u64,
}

impl Ground {
    /// The real network and the real clock.
    ///
    /// # Errors
    /// When there are no roots to trust.
    pub fn new() -> anyhow::Result<Arc<Self>> {
        let transport = HttpTransport::new(None).context("prepare the way out")?;
        Ok(Arc::new(Self {
            transport: Arc::new(transport),
            clock: Arc::new(SystemClock::new()),
            logins: Mutex::default(),
            keys: Mutex::default(),
        }))
    }

    /// The login in a file: the one that is in use already, if there is one, renewed by `office` from now on.
    pub(crate) fn login(
        &self,
        credential: &str,
        file: &Path,
        office: Office,
    ) -> Result<Arc<Login>, FileError> {
        let place = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let credential = CredentialId::from(credential);
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = logins.get_mut(&place)
            && let Some(login) = known.login.upgrade()
        {
            known.credential = credential;
            login.move_to(office);
            return Ok(login);
        }
        let login = Login::open(file, office, Arc::clone(&self.clock))?;
        let known = Known { credential, login: Arc::downgrade(&login), told: login.epoch() };
        logins.insert(place, known);
        Ok(login)
    }

    /// Looks after the files of logins as long as the process lives; what was held against an old token is forgotten
    /// with it.
    pub(crate) async fn look_after(self: Arc<Self>, conductor: Conductor) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let live = self.live();
            if live.is_empty() {
                continue;
            }
            let look = move || live.iter().for_each(|login| login.look());
            if tokio::task::spawn_blocking(look).await.is_err() {
                tracing::error!("looking at the files of logins broke off");
            }
            for credential in self.changed() {
                tracing::info!(%credential, "forgot what was held against its old secret");
                conductor.store().renewed(&credential);
            }
        }
    }

    /// Waits for renewals that are under way.
    pub(crate) async fn settle(&self) {
        for login in self.live() {
            login.settle().await;
        }
    }

    /// Notes the keys of a configuration that is taken into use; answers with the credentials whose key is another
    /// one than before.
    pub(crate) fn rekeyed(&self, config: &Config) -> Vec<CredentialId> {
        let credentials = config.upstreams.iter().flat_map(|upstream| &upstream.credentials);
        let digest = |credential: &standin_config::Credential| {
            (CredentialId::from(credential.id.as_str()), Sha256::digest(credential.key.expose()).into())
        };
        let new: HashMap<CredentialId, [u8; 32]> = credentials.map(digest).collect();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let is_changed =
            |(id, digest): &(&CredentialId, &[u8; 32])| keys.get(*id).is_some_and(|old| old != *digest);
        let changed = new.iter().filter(is_changed).map(|(id, _)| id.clone()).collect();
        *keys = new;
        changed
    }

    fn live(&self) -> Vec<Arc<Login>> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins.retain(|_, known| known.login.strong_count() > 0);
        logins.values().filter_map(|known| known.login.upgrade()).collect()
    }

    /// Credentials whose tokens have changed since this was asked last.
    fn changed(&self) -> Vec<CredentialId> {
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Vec::new();
        for known in logins.values_mut() {
            let epoch = known.login.upgrade().map_or(known.told, |login| login.epoch());
            if epoch != known.told {
                known.told = epoch;
                changed.push(known.credential.clone());
            }
        }
        changed
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("logins", &self.live().len()).finish_non_exhaustive()
    }
}
