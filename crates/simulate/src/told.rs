//! What upstreams have said so far, so that it can be said of a call that it could not have succeeded.

use crate::truth::{Trouble, Truth};

/// Every trouble that somebody was told of.
#[derive(Debug)]
pub(crate) struct Told {
    models: u32,
    revoked: Vec<bool>,
    weekly: Vec<bool>,
    /// By credential: the hour whose allowance is known to be used up.
    quota: Vec<Option<u64>>,
    unsupported: Vec<bool>,
    /// By candidate, one bit per outage.
    outages: Vec<u64>,
}

impl Told {
    pub(crate) fn nothing(truth: &Truth) -> Self {
        let (candidates, credentials) = (truth.candidates() as usize, truth.credentials() as usize);
        Self {
            models: truth.models(),
            revoked: vec![false; credentials],
            weekly: vec![false; credentials],
            quota: vec![None; credentials],
            unsupported: vec![false; candidates],
            outages: vec![0; candidates],
        }
    }

    pub(crate) fn knows(&self, candidate: u32, trouble: Trouble) -> bool {
        let (at, credential) = self.places(candidate);
        match trouble {
            Trouble::Revoked => self.revoked[credential],
            Trouble::Weekly => self.weekly[credential],
            Trouble::Quota(hour) => self.quota[credential] == Some(hour),
            Trouble::Unsupported => self.unsupported[at],
            Trouble::Outage(number) => self.outages[at] & bit(number) != 0,
        }
    }

    pub(crate) fn learn(&mut self, candidate: u32, trouble: Trouble) {
        let (at, credential) = self.places(candidate);
        match trouble {
            Trouble::Revoked => self.revoked[credential] = true,
            Trouble::Weekly => self.weekly[credential] = true,
            Trouble::Quota(hour) => self.quota[credential] = Some(hour),
            Trouble::Unsupported => self.unsupported[at] = true,
            Trouble::Outage(number) => self.outages[at] |= bit(number),
        }
    }

    const fn places(&self, candidate: u32) -> (usize, usize) {
        (candidate as usize, (candidate / self.models) as usize)
    }
}

const fn bit(number: u32) -> u64 {
    1 << (number % 64)
}
