//! What others do, as simply as it can be said: three policies to compare with.

use std::time::Duration;

use standin_core::{ErrorClass, Failure, Moment, Outcome};

use crate::{
    Violation, World,
    contestant::{Contestant, Move},
};

/// Attempts of one request.
const ATTEMPTS_MAX: u32 = 3;

/// One simple policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// Remembers nothing: the next candidate, and after any failure the one after it.
    StatelessRotation,
    /// Suspends the pair of credential and alias, so that one bad member takes the whole pool with it.
    AliasKey,
    /// Suspends candidates and credentials, and believes every hint to the last second.
    TrustTheHint,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::StatelessRotation, Self::AliasKey, Self::TrustTheHint];

    /// What reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StatelessRotation => "stateless rotation",
            Self::AliasKey => "one key per (credential, alias)",
            Self::TrustTheHint => "trust the hint",
        }
    }
}

/// A baseline with what it remembers.
pub(crate) struct Simple {
    kind: Baseline,
    models: u32,
    cursor: u32,
    candidates: Vec<Out>,
    credentials: Vec<Out>,
}

/// One thing that may be out.
#[derive(Debug, Clone, Copy, Default)]
struct Out {
    until: Moment,
    strikes: u32,
}

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    calls: u32,
    candidate: u32,
    is_over: bool,
}

impl Simple {
    pub(crate) fn new(world: &World, kind: Baseline) -> Self {
        let candidates = (world.credentials * world.models) as usize;
        Self {
            kind,
            models: world.models,
            cursor: 0,
            candidates: vec![Out::default(); candidates],
            credentials: vec![Out::default(); world.credentials as usize],
        }
    }

    fn out(&self, candidate: u32) -> Moment {
        let credential = self.credentials[(candidate / self.models) as usize].until;
        credential.max(self.candidates[candidate as usize].until)
    }

    fn suspend(&mut self, candidate: u32, now: Moment, failure: &Failure) {
        let class = failure.class();
        let is_of_credential = matches!(class, ErrorClass::AuthFailed | ErrorClass::QuotaExhausted)
            || self.kind == Baseline::AliasKey;
        let out = if is_of_credential {
            &mut self.credentials[(candidate / self.models) as usize]
        } else {
            &mut self.candidates[candidate as usize]
        };
        out.strikes = (out.strikes + 1).min(16);
        let doubled = |secs: u64, most: u64| Duration::from_secs((secs << (out.strikes - 1)).min(most));
        let length = match class {
            ErrorClass::ModelUnsupported => Duration::from_secs(12 * 3600),
            ErrorClass::AuthFailed => Duration::from_secs(30 * 60),
            ErrorClass::QuotaExhausted if self.kind == Baseline::AliasKey => {
                failure.verdict.delay.unwrap_or_else(|| doubled(1, 1800))
            }
            ErrorClass::QuotaExhausted => failure.verdict.delay.unwrap_or_else(|| doubled(300, 6 * 3600)),
            _ => Duration::from_secs(60),
        };
        out.until = now + length;
    }
}

impl Contestant for Simple {
    type Flight = Flight;

    fn begin(&mut self, _seed: u64) -> Flight {
        Flight::default()
    }

    fn next(&mut self, flight: &mut Flight, now: Moment) -> Result<Move, Violation> {
        if flight.is_over || flight.calls >= ATTEMPTS_MAX {
            return Ok(Move::End);
        }
        let count = u32::try_from(self.candidates.len()).unwrap_or(u32::MAX);
        let turn = (0..count).map(|step| (self.cursor + step) % count).find(|turn| self.out(*turn) <= now);
        let Some(turn) = turn else { return Ok(Move::End) };
        self.cursor = (turn + 1) % count;
        flight.calls += 1;
        flight.candidate = turn;
        Ok(Move::Call(turn))
    }

    fn record(&mut self, flight: &mut Flight, now: Moment, outcome: Outcome) -> Result<(), Violation> {
        match outcome {
            Outcome::Success(_) | Outcome::Abandoned => {
                flight.is_over = true;
                self.credentials[(flight.candidate / self.models) as usize] = Out::default();
                self.candidates[flight.candidate as usize] = Out::default();
            }
            Outcome::Failure(_) if self.kind == Baseline::StatelessRotation => {}
            Outcome::Failure(failure) if failure.class() == ErrorClass::InvalidRequest => {
                flight.is_over = true
            }
            Outcome::Failure(failure) => self.suspend(flight.candidate, now, &failure),
        }
        Ok(())
    }

    fn avoids(&self, candidate: u32, now: Moment) -> bool {
        self.out(candidate) > now
    }
}
