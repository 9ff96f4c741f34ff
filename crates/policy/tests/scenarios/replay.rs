//! Same inputs, same decisions: a recorded request, fed back, comes to the same trail bit for bit; and entries that were
//! learnt in another order, or several times, are the same entries.

use std::{cell::RefCell, sync::Arc, time::Duration};

use proptest::{prelude::*, sample::Index};
use serde::{Deserialize, Serialize};
use standin_core::{
    AffinityKey, Blame, Candidate, Certainty, ErrorClass, Gate, Memory, Moment, Outcome, Refusal, Slot,
    Suspension, View,
};
use standin_policy::{Ask, Observation, Params, Routing, Run, Step, merge, observe};

use crate::transcript::{World, failure};

/// Everything that went into the decisions of one request, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tape {
    ask: Option<Ask>,
    reads: Vec<Read>,
    events: Vec<(Moment, Event)>,
}

/// One answer of the memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Read {
    Gate(Gate),
    Blame(Option<Blame>),
    Flag(bool),
    Moment(Moment),
    Word(u64),
    Home(Option<Candidate>),
}

/// One thing that happened to the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Next(Option<Refusal>),
    Record(Outcome),
}

/// A memory that writes down what is read from it.
struct Recorder<'v, V> {
    view: &'v V,
    reads: RefCell<Vec<Read>>,
}

/// A memory that knows nothing but what was written down.
struct Player {
    reads: RefCell<std::vec::IntoIter<Read>>,
}

trait Deck {
    fn read(&self, live: impl FnOnce() -> Option<Read>) -> Read;
}

impl<V> Deck for Recorder<'_, V> {
    fn read(&self, live: impl FnOnce() -> Option<Read>) -> Read {
        let read = live().unwrap();
        self.reads.borrow_mut().push(read.clone());
        read
    }
}

impl Deck for Player {
    fn read(&self, _: impl FnOnce() -> Option<Read>) -> Read {
        self.reads.borrow_mut().next().expect("the replay reads no more than was recorded")
    }
}

macro_rules! view {
    ($self:ident, $live:expr) => {
        fn gate(&$self, slot: Slot) -> Gate {
            let Read::Gate(gate) = $self.read(|| $live.map(|view| Read::Gate(view.gate(slot)))) else { panic!("a gate") };
            gate
        }

        fn blame(&$self, slot: Slot) -> Option<Blame> {
            let Read::Blame(blame) = $self.read(|| $live.map(|view| Read::Blame(view.blame(slot)))) else { panic!("a blame") };
            blame
        }

        fn has_room(&$self, credential: u32) -> bool {
            let Read::Flag(flag) = $self.read(|| $live.map(|view| Read::Flag(view.has_room(credential)))) else { panic!("a flag") };
            flag
        }

        fn probed_at(&$self, credential: u32) -> Moment {
            let Read::Moment(at) = $self.read(|| $live.map(|view| Read::Moment(view.probed_at(credential)))) else { panic!("a moment") };
            at
        }

        fn cursor(&$self, ring: u32) -> u32 {
            let Read::Word(word) = $self.read(|| $live.map(|view| Read::Word(view.cursor(ring).into()))) else { panic!("a word") };
            u32::try_from(word).unwrap()
        }

        fn pass(&$self, ring: u32, seat: u32) -> u64 {
            let Read::Word(word) = $self.read(|| $live.map(|view| Read::Word(view.pass(ring, seat)))) else { panic!("a word") };
            word
        }

        fn ring_time(&$self, ring: u32) -> u64 {
            let Read::Word(word) = $self.read(|| $live.map(|view| Read::Word(view.ring_time(ring)))) else { panic!("a word") };
            word
        }

        fn has_token(&$self, upstream: u32, now: Moment) -> bool {
            let Read::Flag(flag) = $self.read(|| $live.map(|view| Read::Flag(view.has_token(upstream, now)))) else { panic!("a flag") };
            flag
        }

        fn binding(&$self, key: AffinityKey, now: Moment) -> Option<Candidate> {
            let Read::Home(home) = $self.read(|| $live.map(|view| Read::Home(view.binding(key, now)))) else { panic!("a home") };
            home
        }
    };
}

impl<V: View> View for Recorder<'_, V> {
    view!(self, Some(self.view));
}

impl View for Player {
    view!(self, None::<&standin_store::Session>);
}

/// Runs one request against the real memory and writes everything down.
fn record(world: &mut World, answers: &[&str], seed: u64) -> (Tape, String) {
    let ask = Ask { affinity: None, ..Ask::new(standin_core::Operation::Messages, seed) };
    let route = world.routing().resolve("P").unwrap();
    let session = world.session().clone();
    let memory = Recorder { view: &session, reads: RefCell::default() };
    let mut run = Run::new(world.shared_routing(), Arc::new(world.params.clone()), route, ask.clone());
    let mut tape = Tape { ask: Some(ask), ..Tape::default() };
    let mut answers = answers.iter();
    loop {
        match run.next(world.now, &memory) {
            Step::Attempt(attempt) => match session.admit(&attempt.claim, world.now) {
                Err(why) => {
                    tape.events.push((world.now, Event::Next(Some(why))));
                    run.refused(why);
                }
                Ok(admission) => {
                    tape.events.push((world.now, Event::Next(None)));
                    world.now = world.now + Duration::from_millis(300);
                    let outcome = match answers.next().copied().unwrap_or("ok") {
                        "ok" => Outcome::Success(standin_core::Evidence::Inference),
                        answer => Outcome::Failure(Arc::new(failure(answer))),
                    };
                    let effects = run.record(world.now, outcome.clone(), &memory);
                    tape.events.push((world.now, Event::Record(outcome)));
                    effects.apply(&session, &world.params, world.now);
                    drop(admission);
                }
            },
            Step::Wait { until, .. } => {
                tape.events.push((world.now, Event::Next(None)));
                world.now = until;
            }
            Step::Finish(_) => {
                tape.events.push((world.now, Event::Next(None)));
                tape.reads = memory.reads.into_inner();
                return (tape, serde_json::to_string(run.trail()).unwrap());
            }
        }
    }
}

/// The same request once more, from what was written down alone.
fn replay(tape: &Tape, routing: Arc<Routing>, params: Params) -> String {
    let route = routing.resolve("P").unwrap();
    let memory = Player { reads: RefCell::new(tape.reads.clone().into_iter()) };
    let mut run = Run::new(routing, Arc::new(params), route, tape.ask.clone().unwrap());
    for (now, event) in &tape.events {
        match event {
            Event::Next(refusal) => {
                let _ = run.next(*now, &memory);
                refusal.iter().for_each(|why| run.refused(*why));
            }
            Event::Record(outcome) => {
                let _ = run.record(*now, outcome.clone(), &memory);
            }
        }
    }
    assert_eq!(memory.reads.borrow_mut().next(), None, "the replay reads as much as was recorded");
    serde_json::to_string(run.trail()).unwrap()
}

fn answers() -> impl Strategy<Value = Vec<&'static str>> {
    let answer = prop::sample::select(vec![
        "ok",
        "server_error#1",
        "server_error#2",
        "rate_limited",
        "rate_limited(4s)",
        "auth_failed",
        "model_unsupported",
        "overloaded",
        "connect",
        "quota_exhausted@credential(5d)",
        "capability_mismatch",
        "invalid_request",
    ]);
    prop::collection::vec(answer, 0..12)
}

fn entries() -> impl Strategy<Value = Vec<Suspension>> {
    let entry = (0..50_u64, 0..500_u64, 0..500_u64, 0..9_u32, 400..403_u16, 0..3_u8);
    let entry = entry.prop_map(|(since, length, probe, strikes, status, words)| Suspension {
        class: ErrorClass::QuotaExhausted,
        rule: format!("rule-{words}").into(),
        since: Moment::from_secs(since),
        until: Moment::from_secs(since + length),
        hinted_until: Moment::from_secs(since + probe % 100),
        probe_at: Moment::from_secs(since + probe),
        probed_at: Moment::from_secs(since),
        strikes,
        status,
        evidence: format!("words {words}"),
    });
    prop::collection::vec(entry, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_recorded_request_that_is_fed_back_decides_the_same_bit_for_bit(
        requests in prop::collection::vec((answers(), any::<u64>()), 1..6)
    ) {
        let mut world = World::new("c1/m1 c1/m2 c2/m1 eu:c3/m1 eu:c4/m1");
        for (answers, seed) in requests {
            let (tape, told) = record(&mut world, &answers, seed);
            let written = serde_json::to_string(&tape).unwrap();
            let tape: Tape = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(replay(&tape, world.shared_routing(), world.params.clone()), told);
        }
    }

    #[test]
    fn entries_joined_in_any_order_and_any_number_of_times_are_the_same(
        entries in entries(),
        order in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let straight = entries.iter().cloned().reduce(merge).unwrap();
        let shuffled = order.iter().map(|at| at.get(&entries)).chain(entries.iter().rev());
        prop_assert_eq!(shuffled.cloned().reduce(merge).unwrap(), straight.clone());
        for entry in entries {
            prop_assert_eq!(merge(straight.clone(), entry), straight.clone());
        }
    }

    #[test]
    fn failures_of_one_window_seen_in_any_order_are_one_strike_and_one_entry(
        ends in prop::collection::vec((10..20_u64, prop::option::of(1..900_u64)), 1..8),
        order in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let seen = |(at, hint): &(u64, Option<u64>)| Observation {
            at: Moment::from_secs(*at),
            // All of them began before the first had failed.
            started: Moment::from_secs(5),
            is_early: false,
            class: ErrorClass::RateLimited,
            certainty: Certainty::Firm,
            hint: hint.map(Duration::from_secs),
            rule: "rule".into(),
            status: 429,
            evidence: String::new(),
        };
        let hour = Duration::from_secs(3600);
        let fold = |all: Vec<Observation>| {
            all.iter().fold(None, |old: Option<Suspension>, seen| Some(observe(old.as_ref(), seen, hour))).unwrap()
        };
        let straight = fold(ends.iter().map(seen).collect());
        prop_assert_eq!(straight.strikes, 1);
        let shuffled = order.iter().map(|at| at.get(&ends)).chain(ends.iter().rev()).map(seen).collect();
        prop_assert_eq!(fold(shuffled), straight);
    }
}
