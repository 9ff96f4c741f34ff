//! The primitives of concurrency, so that a model checker can stand in for the real ones (`--cfg shuttle`).

use std::sync::Arc as Shared;

use standin_core::Layout;

#[cfg(not(shuttle))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::{
    Arc, Mutex, MutexGuard, PoisonError, Weak,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
#[cfg(shuttle)]
pub(crate) use std::sync::OnceLock;

/// Layouts are shared with whoever made them and never change, so no checker needs to see them.
pub(crate) type SharedLayout = Shared<Layout>;

/// Locks, also after another thread has died with the lock: every write under these locks is complete in itself.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
