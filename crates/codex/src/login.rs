//! One ChatGPT login: the tokens in use, and their renewal by one task however many wait for it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http::HeaderValue;
use standin_core::{Clock, ErrorClass, Progress};
use standin_upstream::SendError;

use crate::{
    auth_file::{self, FileError, Tokens},
    claims::Claims,
    office::{NotRenewed, Office},
};

/// A token that ends within this time is renewed before it is used.
const EXPIRES_SOON: Duration = Duration::from_secs(60);

type Renewing = Shared<BoxFuture<'static, Result<(), SendError>>>;

/// A login in a file. Everything that uses one file shares one of these, over reloads of the configuration too: two of
/// them would use up each other's refresh token.
pub struct Login {
    path: PathBuf,
    office: ArcSwap<Office>,
    clock: Arc<dyn Clock>,
    held: ArcSwap<Held>,
    work: Mutex<Work>,
}

/// The tokens in use, as headers.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) epoch: u64,
    pub(crate) bearer: HeaderValue,
    pub(crate) account: Option<HeaderValue>,
    expires: Option<SystemTime>,
    tokens: Tokens,
    /// Why they will never be good again, until somebody logs in.
    refused: Option<String>,
}

/// What happens to the file.
struct Work {
    running: Option<Renewing>,
    stamp: Option<(SystemTime, u64)>,
    has_warned: bool,
}

impl Login {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is no login.
    pub fn open(path: &Path, office: Office, clock: Arc<dyn Clock>) -> Result<Arc<Self>, FileError> {
        let stamp = auth_file::stamp(path);
        let tokens = auth_file::read(path)?;
        let held = Held::new(1, tokens).ok_or_else(|| FileError::Shape { path: path.to_owned() })?;
        Ok(Arc::new(Self {
            path: path.to_owned(),
            office: ArcSwap::from_pointee(office),
            clock,
            held: ArcSwap::from_pointee(held),
            work: Mutex::new(Work { running: None, stamp, has_warned: false }),
        }))
    }

    /// Renews elsewhere, or by another way, from now on.
    pub fn move_to(&self, office: Office) {
        self.office.store(Arc::new(office));
    }

    /// The number of the tokens in use; every change of them has a larger one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.held.load().epoch
    }

    /// Takes over what somebody else wrote into the file: another program that uses the login, or a person who logged
    /// in again. Reads the disk, so nothing that serves a request calls it.
    pub fn look(&self) {
        let stamp = auth_file::stamp(&self.path);
        if stamp.is_none() || lock(&self.work).stamp == stamp {
            return;
        }
        match auth_file::read(&self.path) {
            Ok(tokens) => {
                lock(&self.work).stamp = stamp;
                if self.adopt(tokens) {
                    tracing::info!(file = %self.path.display(), "took over a login that was renewed elsewhere");
                }
            }
            // It may be half written: the next look tells.
            Err(error) => tracing::debug!(%error, "left a login file alone"),
        }
    }

    /// Waits for a renewal that is under way: a process that ended in the middle of one would lose the login.
    pub async fn settle(&self) {
        let running = lock(&self.work).running.clone();
        if let Some(running) = running {
            // Whether it came about is known to those who asked for it.
            let _ = running.await;
        }
    }

    /// Tokens that can be used now, renewed before if they are about to end.
    pub(crate) async fn usable(self: &Arc<Self>) -> Result<Arc<Held>, SendError> {
        let held = self.held.load_full();
        if let Some(why) = &held.refused {
            return Err(refused(why));
        }
        let now = self.clock.wall();
        let ends = |within: Duration| held.expires.is_some_and(|expires| expires <= now + within);
        if ends(EXPIRES_SOON) {
            match self.renew(held.epoch).await {
                Ok(()) => return Ok(self.held.load_full()),
                Err(error) if error.class == ErrorClass::AuthFailed || ends(Duration::ZERO) => {
                    return Err(error);
                }
                // It is still good for a moment, and the office may have a better one.
                Err(_) => {}
            }
        }
        Ok(held)
    }

    /// Gets new tokens in place of those of `epoch`, unless somebody has done so since.
    pub(crate) async fn renew(self: &Arc<Self>, epoch: u64) -> Result<(), SendError> {
        let renewing = {
            let mut work = lock(&self.work);
            let held = self.held.load();
            if let Some(why) = &held.refused {
                return Err(refused(why));
            }
            if held.epoch != epoch {
                return Ok(());
            }
            match &work.running {
                Some(running) => running.clone(),
                None => {
                    let running = self.begin();
                    work.running = Some(running.clone());
                    running
                }
            }
        };
        renewing.await
    }

    /// Starts the task. It belongs to nobody: whoever asked for it may leave.
    fn begin(self: &Arc<Self>) -> Renewing {
        let login = Arc::clone(self);
        let task = tokio::spawn(async move {
            let renewed = login.exchange().await;
            lock(&login.work).running = None;
            renewed
        });
        let login = Arc::clone(self);
        let waiting = async move {
            task.await.unwrap_or_else(|_| {
                lock(&login.work).running = None;
                Err(not_renewed("the renewal of a login broke off"))
            })
        };
        waiting.boxed().shared()
    }

    async fn exchange(self: &Arc<Self>) -> Result<(), SendError> {
        if self.on_disk(Self::take_over).await {
            return Ok(());
        }
        let tokens = self.held.load().tokens.clone();
        match self.office.load_full().renew(&tokens).await {
            Ok(tokens) => {
                self.adopt(tokens.clone());
                tracing::info!(file = %self.path.display(), "renewed a login");
                self.on_disk(move |login| login.put_back(&tokens)).await;
                Ok(())
            }
            // Somebody else may have used the same token a moment earlier.
            Err(NotRenewed::Refused(_)) if self.on_disk(Self::take_over).await => Ok(()),
            Err(NotRenewed::Refused(why)) => {
                tracing::error!(file = %self.path.display(), "{why}");
                self.held.rcu(|held| Held { refused: Some(why.clone()), ..Held::clone(held) });
                Err(refused(&why))
            }
            Err(NotRenewed::Failed(why)) => Err(not_renewed(&why)),
        }
    }

    /// Runs what touches the disk where it holds nobody up.
    async fn on_disk<T: Default + Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        let login = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&login)).await.unwrap_or_default()
    }

    /// Whether somebody else had renewed the login in the file already.
    fn take_over(&self) -> bool {
        let stamp = auth_file::stamp(&self.path);
        // What we saw or left there ourselves may be older than what is held: a full disk takes no new token.
        if stamp.is_none() || lock(&self.work).stamp == stamp {
            return false;
        }
        let Ok(tokens) = auth_file::read(&self.path) else { return false };
        lock(&self.work).stamp = stamp;
        self.adopt(tokens)
    }

    /// A disk that takes nothing does not stop the service: the tokens are good as long as the process lives.
    fn put_back(&self, tokens: &Tokens) {
        let written = auth_file::write(&self.path, tokens, self.clock.wall());
        let mut work = lock(&self.work);
        work.stamp = auth_file::stamp(&self.path);
        match written {
            Ok(()) => work.has_warned = false,
            Err(error) if !work.has_warned => {
                work.has_warned = true;
                tracing::warn!(
                    file = %self.path.display(), %error,
                    "cannot write a renewed login back; it is kept in memory only, and a restart will need a new login"
                );
            }
            Err(_) => {}
        }
    }

    /// Takes tokens into use, unless they are the ones in use.
    fn adopt(&self, tokens: Tokens) -> bool {
        let _order = lock(&self.work);
        let held = self.held.load();
        if held.tokens.is_same(&tokens) {
            return false;
        }
        let Some(new) = Held::new(held.epoch + 1, tokens) else { return false };
        self.held.store(Arc::new(new));
        true
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("path", &self.path)
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

impl Held {
    /// `None` if no header can carry them.
    fn new(epoch: u64, tokens: Tokens) -> Option<Self> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", tokens.access.expose())).ok()?;
        bearer.set_sensitive(true);
        let claims = Claims::of(tokens.access.expose());
        let account = tokens.account.as_deref().or(claims.account());
        let account = account.map(HeaderValue::try_from).transpose().ok()?;
        Some(Self { epoch, bearer, account, expires: claims.expires(), tokens, refused: None })
    }
}

fn refused(why: &str) -> SendError {
    SendError::new(ErrorClass::AuthFailed, Progress::NotSent, why)
}

fn not_renewed(why: &str) -> SendError {
    SendError::new(ErrorClass::ServerError, Progress::NotSent, why)
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}
