//! The policy against a model that fits on a screen: any requests, any answers, any order, any pauses.
//!
//! The model knows no rotation, no budget and no rounds. It knows what is held against whom, until when, and so which
//! calls are not allowed; and in the end both must remember the same.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;
use standin_core::{Entry, ErrorClass, Moment};
use standin_policy::{Ending, Stop};

use crate::transcript::{Flight, World, duration};

const CANDIDATES: [&str; 5] = ["c1/m1", "c1/m2", "c2/m1", "c2/m2", "c3/m1"];
const ANSWERS: [&str; 9] = [
    "ok",
    "server_error",
    "rate_limited",
    "rate_limited(40s)",
    "auth_failed",
    "model_unsupported",
    "quota_exhausted@credential(5d)",
    "quota_exhausted",
    "invalid_request",
];

/// What is held against one scope for one class.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    since: Moment,
    until: Moment,
    due: Moment,
    strikes: u32,
}

/// Everything that is held against anybody.
#[derive(Debug, Default)]
struct Model(BTreeMap<(String, ErrorClass), Held>);

impl Model {
    fn failed(&mut self, candidate: &str, answer: &str, started: Moment, now: Moment, is_last_resort: bool) {
        let class: ErrorClass = answer.split(['@', '(']).next().unwrap().parse().unwrap();
        if class == ErrorClass::InvalidRequest {
            return;
        }
        let is_of_credential = class == ErrorClass::AuthFailed || answer.contains("@credential");
        let scope = if is_of_credential { &candidate[..2] } else { candidate };
        let hint = answer.split_once('(').map(|(_, hint)| duration(hint.trim_end_matches(')')));
        let key = (scope.to_owned(), class);
        let old = self.0.get(&key).filter(|old| now < forgotten(old)).cloned();
        let is_early = is_last_resort && old.as_ref().is_some_and(|old| now < old.due);
        let is_strike = old.as_ref().is_none_or(|old| !is_early && started > old.since);
        let strikes = old.as_ref().map_or(0, |old| old.strikes) + u32::from(is_strike);
        let doubled = |secs: u64, most: u64| Duration::from_secs((secs << (strikes - 1).min(20)).min(most));
        let (length, probe) = match class {
            ErrorClass::ServerError => (doubled(1, 60), 3600),
            ErrorClass::RateLimited => (hint.unwrap_or(doubled(5, 600)), 3600),
            ErrorClass::AuthFailed => (doubled(1800, 24 * 3600), 6 * 3600),
            ErrorClass::ModelUnsupported => (Duration::from_secs(12 * 3600), 3600),
            _ => (hint.unwrap_or(doubled(300, 6 * 3600)), doubled(600, 3600).as_secs()),
        };
        let mut new = Held {
            since: now,
            until: now + length,
            due: now + length.min(Duration::from_secs(probe)),
            strikes,
        };
        if let Some(old) = old {
            // A last resort that fails early moves nothing but what a new hint moves.
            new.due = if is_early { old.due } else { new.due.max(old.due) };
            new.until = if is_early && hint.is_none() { old.until } else { new.until.max(old.until) };
        }
        self.0.insert(key, new);
    }

    fn served(&mut self, candidate: &str, started: Moment) {
        self.0.retain(|(scope, _), held| !on_path(scope, candidate) || held.since >= started);
    }

    fn is_out(&self, candidate: &str, now: Moment, is_soft: bool) -> bool {
        let held = |((scope, class), held): (&(String, ErrorClass), &Held)| {
            on_path(scope, candidate) && class.is_soft() == is_soft && held.due > now
        };
        self.0.iter().any(held)
    }

    /// When the last failure was seen that is held against it.
    fn since(&self, candidate: &str) -> Option<Moment> {
        let held = self.0.iter().filter(|((scope, _), _)| on_path(scope, candidate));
        held.map(|(_, held)| held.since).max()
    }

    fn is_clean(&self, candidate: &str) -> bool {
        !self.0.keys().any(|(scope, _)| on_path(scope, candidate))
    }
}

fn on_path(scope: &str, candidate: &str) -> bool {
    scope == candidate || candidate.split('/').next() == Some(scope)
}

fn forgotten(held: &Held) -> Moment {
    held.until + held.until.since(held.since).clamp(Duration::from_secs(600), Duration::from_secs(24 * 3600))
}

#[derive(Debug, Clone)]
enum Act {
    /// One more request comes in.
    Begin,
    /// The upstream of a request in the air answers.
    Answer(usize, &'static str),
    /// Nothing happens for so many seconds.
    Pause(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => Just(Act::Begin),
        5 => (0..4_usize, prop::sample::select(&ANSWERS[..])).prop_map(|(which, answer)| Act::Answer(which, answer)),
        1 => prop_oneof![0..3_u64, 20..100_u64, 500..5000_u64].prop_map(Act::Pause),
    ];
    prop::collection::vec(act, 1..80)
}

/// A request in the air, and the candidates it has called.
struct Air {
    flight: Flight,
    calls: Vec<(u32, String)>,
    /// Credentials that it has itself seen fail as a whole.
    lost: Vec<String>,
}

struct Told {
    world: World,
    model: Model,
    air: Vec<Air>,
    answers: u64,
}

impl Told {
    fn act(&mut self, act: &Act) {
        match act {
            Act::Begin if self.air.len() < 4 => {
                let (flight, _) = self.world.begin("");
                self.go_on(Air { flight, calls: Vec::new(), lost: Vec::new() });
            }
            Act::Answer(which, answer) if *which < self.air.len() => self.answer(*which, answer),
            Act::Pause(secs) => self.world.now = self.world.now + Duration::from_secs(*secs),
            _ => {}
        }
    }

    fn answer(&mut self, which: usize, answer: &'static str) {
        let mut air = self.air.remove(which);
        let attempt = *air.flight.run.current().unwrap();
        let (_, candidate) = air.calls.last().unwrap().clone();
        self.answers += 1;
        if answer == "ok" {
            self.model.served(&candidate, attempt.started);
            self.world.answer(&mut air.flight, "ok");
        } else {
            let is_last_resort = attempt.claim.entry == Entry::LastResort;
            self.model.failed(&candidate, answer, attempt.started, self.world.now, is_last_resort);
            if answer.contains("@credential") || answer == "auth_failed" {
                air.lost.push(candidate[..2].to_owned());
            }
            // No two server errors have the same words.
            self.world.answer(&mut air.flight, &format!("{answer}#{}", self.answers));
        }
        self.go_on(air);
    }

    fn go_on(&mut self, mut air: Air) {
        match self.world.advance(&mut air.flight) {
            Some(ending) => self.ended(&ending, &air),
            None => {
                self.called(&mut air);
                self.air.push(air);
            }
        }
    }

    /// No call that the model forbids.
    fn called(&self, air: &mut Air) {
        let (attempt, now) = (*air.flight.run.current().unwrap(), self.world.now);
        let candidate = air.flight.run.candidate(&attempt).to_string();
        let call = (attempt.round, candidate.clone());
        assert!(!air.calls.contains(&call), "{call:?} twice in a round");
        air.calls.push(call);
        let is_out = |is_soft| self.model.is_out(&candidate, now, is_soft);
        match attempt.claim.entry {
            Entry::Free => assert!(!is_out(false) && !is_out(true), "{candidate} is out"),
            Entry::Probe | Entry::SoftLast => assert!(!is_out(false), "{candidate} is out for good reasons"),
            Entry::LastResort => assert!(is_out(false), "{candidate} is no last resort"),
        }
        if matches!(attempt.claim.entry, Entry::Probe | Entry::LastResort) {
            let since = self.model.since(&candidate);
            let probes = |other: &Air| {
                let theirs = other.flight.run.current().unwrap();
                let is_probe = matches!(theirs.claim.entry, Entry::Probe | Entry::LastResort);
                theirs.candidate() == attempt.candidate() && is_probe && Some(theirs.started) > since
            };
            assert!(since.is_none() || !self.air.iter().any(probes), "two requests probe {candidate}");
        }
        if matches!(attempt.claim.entry, Entry::SoftLast | Entry::LastResort) {
            assert_eq!(self.untried(air), None, "a healthy path is left");
        }
    }

    fn untried(&self, air: &Air) -> Option<&'static str> {
        let called = |candidate: &str| {
            let is_lost = air.lost.iter().any(|lost| on_path(lost, candidate));
            is_lost || air.calls.iter().any(|(_, called)| called == candidate)
        };
        CANDIDATES.into_iter().find(|candidate| !called(candidate) && self.model.is_clean(candidate))
    }

    fn ended(&self, ending: &Ending, air: &Air) {
        if let Ending::Failed(report) = ending
            && report.stop == Stop::Exhausted
        {
            assert_eq!(self.untried(air), None, "an error although a healthy path is left");
        }
    }

    /// Both remember the same.
    fn compare(&self) {
        let now = self.world.now;
        let known = self.world.store.export().into_iter().map(|shown| {
            let entry = shown.suspension;
            let held =
                Held { since: entry.since, until: entry.until, due: entry.due(), strikes: entry.strikes };
            ((shown.key.to_string(), entry.class), held)
        });
        let known: BTreeMap<_, _> = known.filter(|(_, held)| now < forgotten(held)).collect();
        let told: BTreeMap<_, _> =
            self.model.0.clone().into_iter().filter(|(_, held)| now < forgotten(held)).collect();
        assert_eq!(known, told);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_policy_calls_and_remembers_what_a_small_model_says(acts in acts()) {
        let world = World::new(&CANDIDATES.join(" "));
        let mut told = Told { world, model: Model::default(), air: Vec::new(), answers: 0 };
        for act in &acts {
            told.act(act);
            told.compare();
        }
    }
}
