//! What all requests share: who may call, what is behind the door, and whether it is open.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwap;
use standin_conductor::Conductor;
use standin_core::Clock;

use crate::{body::Budget, ids::RequestIds, keys::Keyring, limits::Limits, tls::Tls};

/// One gateway behind one or several listeners.
pub struct Site {
    pub(crate) keyring: ArcSwap<Keyring>,
    pub(crate) conductor: Conductor,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: RequestIds,
    pub(crate) limits: Limits,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) bodies: Arc<Budget>,
    /// Seconds since 1970 when the process began: what lists give as the age of a model.
    pub(crate) created: i64,
    is_open: AtomicBool,
    is_cut: AtomicBool,
}

impl Site {
    /// A site that takes requests.
    #[must_use]
    pub fn new(
        conductor: Conductor,
        keyring: Keyring,
        clock: Arc<dyn Clock>,
        ids: RequestIds,
        limits: Limits,
    ) -> Self {
        let since = clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            keyring: ArcSwap::from_pointee(keyring),
            conductor,
            clock,
            ids,
            limits,
            tls: None,
            bodies: Budget::new(&limits),
            created: i64::try_from(since.as_secs()).unwrap_or(0),
            is_open: AtomicBool::new(true),
            is_cut: AtomicBool::new(false),
        }
    }

    /// The same site, spoken to over TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<Tls>) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Takes other callers' keys into use; requests under way keep what they were allowed.
    pub fn rekey(&self, keyring: Keyring) {
        self.keyring.store(Arc::new(keyring));
    }

    /// What is behind the door.
    #[must_use]
    pub fn conductor(&self) -> &Conductor {
        &self.conductor
    }

    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.keyring.load_full()
    }

    /// Whether new requests are welcome; false from the moment a drain begins.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
    }

    /// Whether what is still going on has to end now.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("conductor", &self.conductor)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
