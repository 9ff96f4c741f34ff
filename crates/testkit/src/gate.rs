//! A gate in a play: the upstream goes on when the test has seen what it wants to see.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds a play up until [`Gate::open`]; clones are the same gate. With it a test shows that something was received
/// while the rest had not been sent, on a machine of any speed.
#[derive(Debug, Clone)]
pub struct Gate {
    permits: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(0)) }
    }

    /// Lets one play pass once, now or when it comes.
    pub fn open(&self) {
        self.permits.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.permits.acquire().await.expect("nobody closes the semaphore").forget();
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Gate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.permits, &other.permits)
    }
}

impl Eq for Gate {}
