//! A few requests at once over the real policy and the real store, in every order that a model checker can think of
//! (`just schedules`).

#![cfg(shuttle)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says where")]

use std::{sync::Arc, time::Duration};

use shuttle::thread;
use standin_core::{
    Certainty, ErrorClass, Evidence, Failure, Gate, Layer, Memory, Moment, Operation, Outcome, Progress,
    Scope, ScopeKey, Suspension, UpstreamError, Verdict, View,
};
use standin_policy::{
    Ask, Credential, Declarations, Ending, Model, Params, Ready, Routing, Run, Upstream, settle, step,
};
use standin_store::{Session, Store};

/// Orders that are tried at random, and as many that change hands where it hurts.
const ORDERS: usize = 2_000;
/// Changes of hands in one order of the second kind.
const CHANGES: usize = 3;
const NOW: Moment = Moment::from_secs(1000);

fn every_order(story: impl Fn() + Clone + Send + Sync + 'static) {
    shuttle::check_random(story.clone(), ORDERS);
    shuttle::check_pct(story, ORDERS, CHANGES);
}

/// One model behind credentials `c1`, `c2`, each with room for `room` requests.
fn world(credentials: usize, room: u32) -> (Arc<Routing>, Session) {
    let mut declared = Declarations::default();
    declared.upstreams.push(Upstream::new("up"));
    declared.models.push(Model { aliases: vec!["P".into()], ..Model::new("up", "m1") });
    for number in 1..=credentials {
        let credential = Credential::new(&format!("c{number}"), "up");
        declared.credentials.push(Credential { in_flight_max: Some(room), ..credential });
    }
    let store = Store::new(Params::default().limits());
    let routing = Arc::new(Routing::build(&declared).unwrap());
    let session = store.adopt(Arc::clone(routing.layout()), |_| true);
    (routing, session)
}

fn failure(class: ErrorClass) -> Outcome {
    Outcome::Failure(Arc::new(Failure {
        verdict: Verdict {
            class,
            scope: Scope::Candidate,
            certainty: Certainty::Firm,
            delay: None,
            rule: "test/rule".into(),
            layer: Layer::Status,
            matched: String::new(),
            suspend: None,
            stop: false,
            error: UpstreamError { status: 400, ..UpstreamError::default() },
        },
        progress: Progress::Sent,
        fingerprint: 0,
    }))
}

/// One request to its end; `c1` does not serve the model, all others do.
fn drive(routing: &Arc<Routing>, session: &Session, seed: u64) -> (Ending, u32) {
    let ask = Ask::new(Operation::Messages, seed);
    let route = routing.resolve("P").unwrap();
    let mut run = Run::new(Arc::clone(routing), Arc::new(Params::default()), route, ask);
    let (mut now, mut calls_of_first) = (NOW, 0);
    loop {
        match step(&mut run, session, now) {
            Ready::Attempt(attempt, admission) => {
                let is_first = run.candidate(&attempt).credential.as_str() == "c1";
                thread::yield_now();
                calls_of_first += u32::from(is_first);
                let outcome = match is_first {
                    true => failure(ErrorClass::ModelUnsupported),
                    false => Outcome::Success(Evidence::Inference),
                };
                settle(&mut run, session, admission, now, outcome);
            }
            Ready::Wait { until, .. } => {
                now = until;
                thread::yield_now();
            }
            Ready::Finish(ending) => return (ending, calls_of_first),
        }
    }
}

#[test]
fn n2_three_requests_over_two_credentials_end_well_in_every_order() {
    every_order(|| {
        let (routing, session) = world(2, 8);
        let requests: Vec<_> = (0..3)
            .map(|seed| {
                let (routing, session) = (Arc::clone(&routing), session.clone());
                thread::spawn(move || drive(&routing, &session, seed))
            })
            .collect();
        let ended: Vec<_> = requests.into_iter().map(|request| request.join().unwrap()).collect();
        assert!(ended.iter().all(|(ending, _)| *ending == Ending::Served), "{ended:?}");
        assert!(ended.iter().all(|(_, calls)| *calls <= 1), "nobody asks it twice: {ended:?}");
        assert_eq!([session.in_flight(0), session.in_flight(1)], [0, 0]);
        let remembered = session.store().export();
        assert!(remembered.len() <= 1, "{remembered:?}");
        assert!(remembered.iter().all(|shown| shown.suspension.strikes == 1), "{remembered:?}");
        let was_asked = ended.iter().any(|(_, calls)| *calls > 0);
        assert_eq!(was_asked, !remembered.is_empty(), "what failed is remembered, whoever came between");
        // Whoever comes now is not sent there again.
        assert!(!was_asked || drive(&routing, &session, 9).1 == 0);
    });
}

#[test]
fn n1_a_place_on_a_credential_is_never_given_twice_and_always_comes_back() {
    every_order(|| {
        let (routing, session) = world(2, 1);
        let requests: Vec<_> = (0..3)
            .map(|seed| {
                let (routing, session) = (Arc::clone(&routing), session.clone());
                thread::spawn(move || {
                    let _ = drive(&routing, &session, seed);
                    assert!(
                        session.in_flight(0) <= 1 && session.in_flight(1) <= 1,
                        "a place was given twice"
                    );
                })
            })
            .collect();
        requests.into_iter().for_each(|request| request.join().unwrap());
        assert_eq!([session.in_flight(0), session.in_flight(1)], [0, 0]);
    });
}

#[test]
fn n1_what_is_shown_is_what_is_remembered_whatever_meets() {
    every_order(|| {
        let (routing, session) = world(1, 8);
        let candidate = routing.layout().candidate(0).clone();
        let key = ScopeKey::Candidate(candidate);
        let entry = |since: Moment| Suspension {
            class: ErrorClass::QuotaExhausted,
            rule: "test/rule".into(),
            since,
            until: since + Duration::from_secs(60),
            hinted_until: Moment::ZERO,
            probe_at: since + Duration::from_secs(60),
            probed_at: since,
            strikes: 1,
            status: 429,
            evidence: String::new(),
        };
        let suspending = {
            let (session, key) = (session.clone(), key.clone());
            thread::spawn(move || _ = session.observe(&key, ErrorClass::QuotaExhausted, |_| entry(NOW)))
        };
        let healing = {
            let session = session.clone();
            let started = NOW + Duration::from_secs(1);
            thread::spawn(move || {
                session.heal(0, Operation::Messages, started, standin_core::Healing::Proven)
            })
        };
        let reading = {
            let (routing, session) = (Arc::clone(&routing), session.clone());
            thread::spawn(move || {
                for slot in routing.layout().path(0, Operation::Messages) {
                    let gate = session.gate(slot);
                    assert!(
                        gate == Gate::CLEAN || gate.due() == NOW + Duration::from_secs(60),
                        "half a state"
                    );
                }
            })
        };
        [suspending, healing, reading].into_iter().for_each(|thread| thread.join().unwrap());
        let slot = routing.layout().slot(&key).unwrap();
        let is_remembered = session.store().find(&key, ErrorClass::QuotaExhausted).is_some();
        assert_eq!(session.gate(slot).is_clean(), !is_remembered, "the board and the ledger agree");
    });
}
