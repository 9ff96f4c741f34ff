//! The store under schedules that a model checker makes up: `just schedules`.
//!
//! Every lock and every atomic of the store is a point at which another task may go on. A failure prints the schedule
//! that shows it again.

#![cfg(shuttle)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a helper of tests fails by panicking"
)]

use std::sync::Arc as Shared;

use shuttle::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};
use standin_core::{
    Claim, Entry, Evidence, Healing, Memory, Moment, Operation, Outcome, ScopeKey, Suspension, View,
};
use standin_policy::{
    Ask, Credential, Declarations, Ending, Model, Params, Ready, Routing, Run, Upstream, settle, step,
};
use standin_store::{Session, Store};

const OPERATION: Operation = Operation::ChatCompletions;
/// Schedules tried per test.
const SCHEDULES: usize = 300;

struct World {
    routing: Shared<Routing>,
    params: Shared<Params>,
    session: Session,
}

fn world(credentials: u32, in_flight_max: Option<u32>) -> World {
    let credential = |at| Credential { in_flight_max, ..Credential::new(&format!("c{at}"), "up") };
    let declared = Declarations {
        upstreams: vec![Upstream::new("up")],
        credentials: (0..credentials).map(credential).collect(),
        models: vec![Model::new("up", "m")],
        routes: vec![],
    };
    let (routing, params) = (Shared::new(Routing::build(&declared).unwrap()), Shared::new(Params::default()));
    let store = Store::new(params.limits());
    let session = store.adopt(Shared::clone(routing.layout()), |_| true);
    World { routing, params, session }
}

/// An entry as a failure at `at` makes it, due at `due`.
fn entry(at: u64, due: u64) -> Suspension {
    Suspension {
        class: standin_core::ErrorClass::QuotaExhausted,
        rule: "test".into(),
        since: Moment::from_secs(at),
        until: Moment::from_secs(due),
        hinted_until: Moment::ZERO,
        probe_at: Moment::from_secs(due),
        probed_at: Moment::from_secs(at),
        strikes: 1,
        status: 429,
        evidence: String::new(),
    }
}

fn path(world: &World) -> ScopeKey {
    ScopeKey::Candidate(world.routing.layout().candidate(0))
}

fn suspend(session: &Session, key: &ScopeKey, seen: &Suspension) {
    session.observe(key, seen.class, |old| match old {
        Some(old) => standin_policy::merge(old.clone(), seen.clone()),
        None => seen.clone(),
    });
}

const fn claim(entry: Entry, takes_token: bool) -> Claim {
    Claim {
        candidate: 0,
        operation: OPERATION,
        entry,
        takes_token,
        feeds_budget: false,
        turn: None,
        member_turn: None,
    }
}

/// Runs `task` in so many tasks at once, under many schedules.
fn search(
    tasks: u32,
    make: fn() -> World,
    task: impl Fn(&World, u32) + Send + Sync + Copy + 'static,
    after: fn(&World),
) {
    shuttle::check_random(
        move || {
            let world = Arc::new(make());
            let threads: Vec<_> = (0..tasks)
                .map(|number| {
                    let world = Arc::clone(&world);
                    thread::spawn(move || task(&world, number))
                })
                .collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            after(&world);
        },
        SCHEDULES,
    );
}

#[test]
fn n1_of_sixty_four_tasks_one_at_a_time_probes_a_path() {
    static PROBING: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let make = || {
        let world = world(1, None);
        suspend(&world.session, &path(&world), &entry(1, 10));
        world
    };
    search(
        64,
        make,
        |world, _| {
            let Ok(admission) = world.session.admit(&claim(Entry::Probe, false), Moment::from_secs(10))
            else {
                return;
            };
            assert_eq!(PROBING.fetch_add(1, Ordering::SeqCst), 0, "two tasks probe one path");
            thread::yield_now();
            PROBING.fetch_sub(1, Ordering::SeqCst);
            drop(admission);
        },
        |world| {
            let gate = world.session.gate(world.routing.layout().candidate_slot(0));
            assert!(!gate.is_probing() && !gate.is_open(), "the right to probe is given back: {gate:?}");
        },
    );
}

#[test]
fn n1_a_reader_never_sees_a_deadline_come_closer_or_a_gap_between_two_failures() {
    let make = || {
        let world = world(1, None);
        suspend(&world.session, &path(&world), &entry(1, 10));
        world
    };
    search(
        6,
        make,
        |world, number| {
            if number < 3 {
                for step in 0..3 {
                    suspend(
                        &world.session,
                        &path(world),
                        &entry(2 + step, 20 + u64::from(number) * 10 + step),
                    );
                }
                return;
            }
            let slot = world.routing.layout().candidate_slot(0);
            let mut seen = Moment::ZERO;
            for _ in 0..6 {
                let gate = world.session.gate(slot);
                assert!(!gate.is_clean() && gate.due() >= seen, "{gate:?} after {seen:?}");
                seen = gate.due();
                let blame = world.session.blame(slot).expect("what is shut has a reason");
                assert!(blame.until >= Moment::from_secs(10), "{blame:?}");
            }
        },
        |world| {
            let gate = world.session.gate(world.routing.layout().candidate_slot(0));
            assert_eq!(gate.due().since(Moment::ZERO).as_secs(), 42, "the board shows what the ledger holds");
        },
    );
}

#[test]
fn n1_a_success_that_began_before_the_failure_lifts_nothing_whatever_comes_first() {
    search(
        2,
        || world(1, None),
        |world, number| match number {
            0 => suspend(&world.session, &path(world), &entry(5, 50)),
            _ => world.session.heal(0, OPERATION, Moment::from_secs(4), Healing::Proven),
        },
        |world| assert!(!world.session.gate(world.routing.layout().candidate_slot(0)).is_clean()),
    );
}

#[test]
fn n1_a_credential_never_carries_more_than_it_may_and_every_place_is_given_back() {
    static INSIDE: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    search(
        8,
        || world(1, Some(3)),
        |world, _| {
            let Ok(admission) = world.session.admit(&claim(Entry::Free, false), Moment::from_secs(1)) else {
                return;
            };
            assert!(INSIDE.fetch_add(1, Ordering::SeqCst) < 3, "more than three at once");
            thread::yield_now();
            INSIDE.fetch_sub(1, Ordering::SeqCst);
            drop(admission);
        },
        |world| assert_eq!(world.session.in_flight(0), 0),
    );
}

#[test]
fn n1_a_retry_budget_is_never_overdrawn() {
    shuttle::check_random(
        || {
            let (world, taken) = (Arc::new(world(1, None)), Arc::new(AtomicU32::new(0)));
            let take = |_| {
                let (world, taken) = (Arc::clone(&world), Arc::clone(&taken));
                thread::spawn(move || {
                    let admitted = world.session.admit(&claim(Entry::Free, true), Moment::from_secs(9));
                    taken.fetch_add(u32::from(admitted.is_ok()), Ordering::SeqCst);
                })
            };
            let threads: Vec<_> = (0..14).map(take).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(taken.load(Ordering::SeqCst), 10, "the burst, and not one more");
        },
        SCHEDULES,
    );
}

#[test]
fn n1_picks_at_the_same_moment_are_fair_and_none_is_lost() {
    search(
        6,
        || world(3, None),
        |world, number| {
            let route = world.routing.resolve("m").unwrap();
            let ask = Ask::new(OPERATION, u64::from(number));
            let mut run = Run::new(Shared::clone(&world.routing), Shared::clone(&world.params), route, ask);
            let now = Moment::from_secs(1);
            match step(&mut run, &world.session, now) {
                Ready::Attempt(_, admission) => std::mem::forget(admission),
                other => panic!("{other:?}"),
            }
        },
        |world| {
            let carried: Vec<u32> = (0..3).map(|at| world.session.in_flight(at)).collect();
            assert_eq!(carried, [2, 2, 2]);
        },
    );
}

#[test]
fn n3_whole_requests_on_a_path_that_comes_back_let_one_probe_and_all_are_served() {
    let make = || {
        let world = world(1, None);
        suspend(&world.session, &path(&world), &entry(1, 10));
        world
    };
    search(
        4,
        make,
        |world, number| {
            let route = world.routing.resolve("m").unwrap();
            let ask = Ask::new(OPERATION, u64::from(number));
            let mut run = Run::new(Shared::clone(&world.routing), Shared::clone(&world.params), route, ask);
            let mut now = Moment::from_secs(11);
            let ending = loop {
                match step(&mut run, &world.session, now) {
                    Ready::Attempt(_, admission) => {
                        thread::yield_now();
                        now = now + std::time::Duration::from_millis(10);
                        settle(
                            &mut run,
                            &world.session,
                            admission,
                            now,
                            Outcome::Success(Evidence::Inference),
                        );
                    }
                    Ready::Wait { until, .. } => {
                        thread::yield_now();
                        now = until;
                    }
                    Ready::Finish(ending) => break ending,
                }
            };
            // Who waits for longer than the schedule lets the probe run is told when to come back.
            assert!(matches!(ending, Ending::Served | Ending::Failed(_)), "{ending:?}");
        },
        |world| assert!(world.session.gate(world.routing.layout().candidate_slot(0)).is_clean()),
    );
}
