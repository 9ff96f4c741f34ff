//! What is really the case in one world with one seed: who would serve at which moment, and what the others say.

use std::{borrow::Cow, cell::Cell, sync::Arc, time::Duration};

use standin_core::{
    Certainty, ErrorClass, Evidence, Failure, Layer, Moment, Outcome, Progress, Scope, UpstreamError, Verdict,
};

use crate::{
    dice::{Dice, chance_at},
    world::World,
};

/// Keeps the throws for random faults apart from those for lost answers.
const RANDOM_5XX: u64 = 0x5151;
const UNKNOWN_FATE: u64 = 0xfa7e;

/// A reason why a candidate cannot serve, as one thing that can be told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Revoked,
    Weekly,
    /// The hour of the allowance.
    Quota(u64),
    Unsupported,
    /// The number of the outage.
    Outage(u32),
}

/// One seed's truth. Candidate `c * models + m` is credential `c` with model `m`.
#[derive(Debug)]
pub(crate) struct Truth {
    seed: u64,
    models: u32,
    unsupported: Vec<bool>,
    revoked: Vec<Option<[Moment; 2]>>,
    weekly: Vec<Option<[Moment; 2]>>,
    weekly_hint: Duration,
    outages: Vec<Vec<[Moment; 2]>>,
    per_hour: Option<u32>,
    hinted: Vec<bool>,
    used: Vec<(u64, u32)>,
    random_5xx: f64,
    unknown_fate: f64,
    /// Who would have served when it was last asked.
    server: Cell<u32>,
}

impl Truth {
    pub(crate) fn new(world: &World, seed: u64) -> Self {
        let dice = &mut Dice::new(seed, 1);
        let faults = &world.faults;
        let (credentials, models) = (world.credentials as usize, world.models as usize);
        let length = world.length();
        let some_time = |dice: &mut Dice, lasts: Duration| {
            let from = Moment::ZERO + length.mul_f64(dice.fraction());
            [from, from + lasts]
        };
        let unsupported = (0..credentials * models).map(|_| dice.happens(faults.unsupported)).collect();
        let mut revoked = vec![None; credentials];
        for (at, row) in faults.revoked.iter().enumerate() {
            let free: Vec<usize> = (0..credentials).filter(|at| revoked[*at].is_none()).collect();
            let victim = free.get(dice.below(free.len())).copied().unwrap_or(at);
            revoked[victim] = Some(match row.lasts {
                Some(lasts) => some_time(dice, lasts),
                None => [Moment::ZERO, Moment::MAX],
            });
        }
        let outages = (0..models)
            .map(|_| {
                let count = faults.outages.as_ref().map_or(0, |outages| outages.per_model);
                let one = |dice: &mut Dice| {
                    let lasts = faults.outages.as_ref().map_or([Duration::ZERO; 2], |outages| outages.lasts);
                    let lasts = dice.between(lasts);
                    some_time(dice, lasts)
                };
                (0..count).map(|_| one(dice)).collect()
            })
            .collect();
        let hinted = faults.quota.as_ref().map_or(0.0, |quota| quota.hinted);
        let weekly = faults.weekly.as_ref();
        Self {
            seed,
            models: world.models,
            unsupported,
            revoked,
            outages,
            hinted: (0..credentials).map(|_| dice.happens(hinted)).collect(),
            weekly: (0..credentials)
                .map(|_| {
                    weekly.map(|weekly| {
                        let lasts = dice.between(weekly.lasts);
                        some_time(dice, lasts)
                    })
                })
                .collect(),
            weekly_hint: weekly.map_or(Duration::ZERO, |weekly| weekly.hint),
            per_hour: faults.quota.as_ref().map(|quota| quota.per_hour),
            used: vec![(0, 0); credentials],
            random_5xx: faults.random_5xx,
            unknown_fate: faults.unknown_fate,
            server: Cell::new(0),
        }
    }

    pub(crate) fn candidates(&self) -> u32 {
        u32::try_from(self.unsupported.len()).unwrap_or(u32::MAX)
    }

    pub(crate) const fn models(&self) -> u32 {
        self.models
    }

    pub(crate) fn credentials(&self) -> u32 {
        u32::try_from(self.used.len()).unwrap_or(u32::MAX)
    }

    pub(crate) const fn credential(&self, candidate: u32) -> u32 {
        candidate / self.models
    }

    /// What keeps the candidate from serving at this moment.
    pub(crate) fn trouble(&self, candidate: u32, now: Moment) -> Option<Trouble> {
        let credential = self.credential(candidate) as usize;
        let model = (candidate % self.models) as usize;
        let is_in = |span: &[Moment; 2]| span[0] <= now && now < span[1];
        if self.revoked[credential].as_ref().is_some_and(is_in) {
            return Some(Trouble::Revoked);
        }
        if self.weekly[credential].as_ref().is_some_and(is_in) {
            return Some(Trouble::Weekly);
        }
        let (hour, used) = self.used[credential];
        if hour == hour_of(now) && self.per_hour.is_some_and(|per_hour| used >= per_hour) {
            return Some(Trouble::Quota(hour));
        }
        if self.unsupported[candidate as usize] {
            return Some(Trouble::Unsupported);
        }
        let outage = self.outages[model].iter().position(is_in)?;
        Some(Trouble::Outage(u32::try_from(outage).unwrap_or(u32::MAX)))
    }

    /// Whether anybody would serve at this moment.
    pub(crate) fn is_servable(&self, now: Moment) -> bool {
        let would_serve = |candidate: &u32| self.trouble(*candidate, now).is_none();
        // Nearly always it is who it was: most of a day passes between two changes of who serves.
        if would_serve(&self.server.get()) {
            return true;
        }
        let found = (0..self.candidates()).find(would_serve);
        found.into_iter().for_each(|candidate| self.server.set(candidate));
        found.is_some()
    }

    /// Whether this call ends in a fault that nothing predicts.
    pub(crate) fn is_unlucky(&self, call: u64) -> bool {
        chance_at(self.seed ^ RANDOM_5XX, call, self.random_5xx)
    }

    /// Whether this call is executed and its answer is lost.
    pub(crate) fn is_swallowed(&self, call: u64) -> bool {
        chance_at(self.seed ^ UNKNOWN_FATE, call, self.unknown_fate)
    }

    /// One more success on the credential's allowance.
    pub(crate) fn spend(&mut self, candidate: u32, now: Moment) {
        let credential = self.credential(candidate) as usize;
        let (hour, used) = &mut self.used[credential];
        if *hour != hour_of(now) {
            (*hour, *used) = (hour_of(now), 0);
        }
        *used += 1;
    }

    /// What the upstream says about a trouble.
    pub(crate) fn answer(&self, candidate: u32, trouble: Trouble, now: Moment) -> Outcome {
        let credential = self.credential(candidate) as usize;
        match trouble {
            Trouble::Revoked => failure(ErrorClass::AuthFailed, Scope::Credential, 401, None),
            Trouble::Weekly => {
                failure(ErrorClass::QuotaExhausted, Scope::Credential, 429, Some(self.weekly_hint))
            }
            Trouble::Quota(hour) => {
                let next = Moment::from_secs((hour + 1) * 3600).since(now);
                let hint = self.hinted[credential].then_some(next);
                failure(ErrorClass::QuotaExhausted, Scope::Credential, 429, hint)
            }
            Trouble::Unsupported => failure(ErrorClass::ModelUnsupported, Scope::Candidate, 400, None),
            Trouble::Outage(_) => failure(ErrorClass::ServerError, Scope::Candidate, 503, None),
        }
    }
}

const fn hour_of(now: Moment) -> u64 {
    now.as_nanos() / 3_600_000_000_000
}

/// An answer of an upstream whose words are never the same twice.
pub(crate) fn failure(class: ErrorClass, scope: Scope, status: u16, delay: Option<Duration>) -> Outcome {
    Outcome::Failure(Arc::new(Failure {
        verdict: Verdict {
            class,
            scope,
            certainty: Certainty::Firm,
            delay,
            rule: Cow::Borrowed("simulated"),
            layer: Layer::Structure,
            matched: String::new(),
            suspend: None,
            stop: false,
            error: UpstreamError { status, ..UpstreamError::default() },
        },
        progress: Progress::Sent,
        fingerprint: 0,
    }))
}

pub(crate) const SERVED: Outcome = Outcome::Success(Evidence::Inference);
