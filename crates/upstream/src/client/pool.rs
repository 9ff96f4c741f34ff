//! Connections that wait for their next request.
//!
//! Last in, first out, so that few connections stay warm and the others age out. The number in use has no cap here:
//! how much may be in flight is a setting of a credential.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use rapidhash::fast::RandomState;
use tokio::{runtime::Handle, task::AbortHandle};

use super::connection::Connection;

/// Connections kept per origin.
const IDLE_PER_ORIGIN_MAX: usize = 256;
/// How often old connections are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Sweeps that a connection outlives without work: 60 s, below the 75 s after which common servers close.
const SWEEPS_MAX: u64 = 12;

/// All shelves, by origin.
#[derive(Default)]
pub(super) struct Pool {
    shelves: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    by_origin: HashMap<Arc<str>, VecDeque<Idle>, RandomState>,
    /// Number of sweeps so far: the pool's only clock.
    sweeps: u64,
    /// Ends with the pool.
    sweeper: Option<AbortHandle>,
}

struct Idle {
    connection: Box<Connection>,
    since: u64,
}

/// Where one connection belongs when its reply has ended.
pub(super) struct Shelf {
    pool: Weak<Pool>,
    origin: Arc<str>,
}

impl Pool {
    /// The connection used last that is still alive.
    pub(super) fn take(&self, origin: &str) -> Option<Box<Connection>> {
        loop {
            let idle = self.lock().by_origin.get_mut(origin)?.pop_back()?;
            let mut connection = idle.connection;
            // Asked without the lock: this reads from the socket.
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// Connections that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().by_origin.values().map(VecDeque::len).sum()
    }

    fn put(self: Arc<Self>, origin: &Arc<str>, connection: Box<Connection>) {
        let mut shelves = self.lock();
        let since = shelves.sweeps;
        let shelf = match shelves.by_origin.get_mut(origin) {
            Some(shelf) => shelf,
            None => shelves.by_origin.entry(Arc::clone(origin)).or_default(),
        };
        shelf.push_back(Idle { connection, since });
        let surplus = if shelf.len() > IDLE_PER_ORIGIN_MAX { shelf.pop_front() } else { None };
        // A reply may be dropped after its runtime has ended; then nothing is left to sweep for.
        if shelves.sweeper.as_ref().is_none_or(AbortHandle::is_finished)
            && let Ok(runtime) = Handle::try_current()
        {
            shelves.sweeper = Some(runtime.spawn(sweep_until_gone(Arc::downgrade(&self))).abort_handle());
        }
        drop(shelves);
        // Closing a socket is a system call, so not under the lock.
        drop(surplus);
    }

    fn sweep(&self) {
        let mut old = Vec::new();
        let mut shelves = self.lock();
        shelves.sweeps += 1;
        let now = shelves.sweeps;
        shelves.by_origin.retain(|_, shelf| {
            let kept = shelf.iter().position(|idle| now - idle.since <= SWEEPS_MAX).unwrap_or(shelf.len());
            let young = shelf.split_off(kept);
            old.push(mem::replace(shelf, young));
            !shelf.is_empty()
        });
        drop(shelves);
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        // Nothing under this lock can leave it half done.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(sweeper) = self.lock().sweeper.take() {
            sweeper.abort();
        }
    }
}

impl Shelf {
    pub(super) fn new(pool: &Arc<Pool>, origin: &Arc<str>) -> Self {
        Self { pool: Arc::downgrade(pool), origin: Arc::clone(origin) }
    }

    pub(super) fn put(&self, connection: Box<Connection>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.put(&self.origin, connection);
        }
    }
}

async fn sweep_until_gone(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep();
    }
}
