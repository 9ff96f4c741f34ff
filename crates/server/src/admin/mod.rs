//! The operator's own listener: what is suspended and why, how a request was decided, what would happen to one, and
//! forgetting. It is a door of its own, with a token of its own, and tells no secret.

mod answer;
mod guesses;
mod listen;
mod show;

use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};
use standin_core::{Moment, Secret};
use subtle::ConstantTimeEq;

pub use listen::serve_admin;

use crate::site::Site;
use guesses::Guesses;

/// Where an operator asks.
pub struct Desk {
    pub(crate) site: Arc<Site>,
    pub(crate) began: Moment,
    guesses: Guesses,
    /// SHA-256 of the token. The token itself is not kept.
    digest: [u8; 32],
}

/// Whether somebody is the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The token is the right one.
    Operator,
    /// It is not, or there is none.
    Stranger,
    /// It is not, and it was not for too often.
    Guessing,
}

impl Desk {
    /// A desk for this site; whoever has `token` is the operator.
    #[must_use]
    pub fn new(site: Arc<Site>, token: &Secret) -> Self {
        let began = site.clock.now();
        let digest = Sha256::digest(token.expose().as_bytes()).into();
        Self { site, began, guesses: Guesses::default(), digest }
    }

    /// Digests are compared, so timing says nothing about the token. The right one is never locked out: whoever
    /// guesses from the operator's own address must not be able to close this door.
    pub(crate) fn standing(&self, token: Option<&[u8]>) -> Standing {
        let presented: [u8; 32] = Sha256::digest(token.unwrap_or_default()).into();
        if bool::from(self.digest.ct_eq(&presented)) {
            return Standing::Operator;
        }
        if self.guesses.one_more(self.site.clock.now()) { Standing::Stranger } else { Standing::Guessing }
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}
