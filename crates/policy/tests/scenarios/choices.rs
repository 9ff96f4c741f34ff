//! What decides between paths that could all serve, and what a choice leaves untouched.

use std::time::Duration;

use standin_core::{Claim, ErrorClass, Memory, Moment, Operation, Refusal, ScopeKey, Suspension, Turn, View};
use standin_policy::{Ending, Ready, Route, Strategy, step};

use crate::transcript::{World, check, route};

fn strategy(strategy: Strategy) -> Route {
    Route { strategy: Some(strategy), ..route("up/m1,up/m2") }
}

#[test]
fn a_new_round_begins_at_the_home_of_the_conversation() {
    check(
        "c1/m1 c2/m1 c3/m1",
        "later=talk ok => c1/m1 | served
         ok => c2/m1 | served
         later=talk rate_limited(4s) rate_limited(4s) rate_limited(4s) ok \
         => c1/m1 c3/m1 c2/m1 ~4s c1/m1 | served",
    );
}

#[test]
fn a_conversation_stays_with_the_member_that_served_it_last() {
    check(
        "c1/m1 c1/m2",
        "ok => c1/m1 | served
         later=talk ok => c1/m2 | served
         later=talk ok => c1/m2 | served
         ok => c1/m1 | served
         later=talk ok => c1/m2 | served",
    );
}

#[test]
fn a_conversation_moves_to_the_member_that_stood_in_on_its_credential() {
    check(
        "c1/m1 c1/m2",
        "later=talk ok => c1/m1 | served
         later=talk rate_limited(60s) ok => c1/m1 c1/m2 | served
         +60s
         later=talk ok => c1/m2 | served",
    );
}

#[test]
fn after_a_failure_the_next_member_is_that_of_the_credential_that_failed() {
    check(
        "c1/m1 c1/m2 c2/m1 c2/m2",
        "ok => c1/m1 | served
         server_error ok => c2/m1 c2/m2 | served",
    );
}

#[test]
fn members_under_fill_first_begin_with_the_first_whatever_rotated_before() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("ok => c1/m1 | served");
    world.reload(|declared, _| {
        declared.routes.push(Route { alias: "P".into(), ..strategy(Strategy::FillFirst) })
    });
    world.tells(
        "ok => c1/m1 | served
         ok => c1/m1 | served",
    );
}

#[test]
fn a_choice_says_how_it_was_made_and_names_nobody_whom_it_need_not_look_at() {
    let mut world = World::new("c1/m1 c2/m1 eu:c3/m1");
    world.tells("overloaded ok => c1/m1 c3/m1 | served");
    let told = serde_json::to_string(world.trail.as_ref().unwrap()).unwrap();
    assert!(told.contains("\"elsewhere\"") && !told.contains("\"same_credential\""), "{told}");

    let mut world = World::new("c1/m1 c1/m2 c2/m1");
    world.tells("server_error ok => c1/m1 c1/m2 | served");
    let told = serde_json::to_string(world.trail.as_ref().unwrap()).unwrap();
    assert!(told.contains("\"same_credential\"") && !told.contains("skipped"), "{told}");
}

#[test]
fn a_request_goes_only_to_those_who_speak_its_dialect() {
    check(
        "c1/m1 c2/m1 c3/m1",
        "speaks=c2 ok => c2/m1 | served
         speaks=c2 auth_failed => c2/m1 | auth_failed 1800s
         speaks=c1,c3 ok => c3/m1 | served",
    );
}

/// What the first attempt of a request would have to take.
fn claim(candidates: &str, kind: Strategy, story: &str) -> Claim {
    let mut world = World::with(candidates, |declared, params| {
        params.rounds = 0;
        let tiers = vec![
            declared
                .models
                .iter()
                .map(|model| standin_policy::Target {
                    upstream: model.upstream.clone(),
                    model: model.name.clone(),
                })
                .collect(),
        ];
        declared.routes.push(Route { tiers, ..strategy(kind) });
    });
    world.tells(story);
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    flight.run.current().unwrap().claim
}

#[test]
fn nobody_takes_a_turn_that_decides_nothing() {
    let failing = "timeout(30s) => c1/m1 | timeout 30s";
    for story in ["", failing] {
        for kind in [Strategy::RoundRobin, Strategy::Weighted, Strategy::FillFirst] {
            let alone = claim("c1/m1", kind, story);
            assert_eq!((alone.turn, alone.member_turn), (None, None), "{kind:?}, {story}: {alone:?}");
        }
    }
    let both = "timeout(30s) timeout(30s) => c1/m1 c2/m1 | timeout 30s";
    for (story, kind, turns) in [
        ("", Strategy::RoundRobin, true),
        ("", Strategy::Weighted, true),
        ("", Strategy::FillFirst, false),
        (both, Strategy::RoundRobin, true),
        (both, Strategy::Weighted, false),
        (both, Strategy::FillFirst, false),
    ] {
        assert_eq!(claim("c1/m1 c2/m1", kind, story).turn.is_some(), turns, "{kind:?}, {story}");
    }
}

#[test]
fn paths_that_fail_in_passing_rotate_too() {
    check(
        "c1/m1 c2/m1",
        "timeout(30s) timeout(30s) => c1/m1 c2/m1 | timeout 30s
         gone => c1/m1 | gone
         gone => c2/m1 | gone
         ok => c1/m1 | served",
    );
}

#[test]
fn a_path_that_is_due_for_two_reasons_and_fails_in_passing_lets_one_request_in() {
    let mut world = World::with("c1/m1", |_, params| {
        params.wait_max = Duration::ZERO;
        params.rounds = 0;
    });
    let mut flights = [world.begin("").0, world.begin("").0];
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    world.answer(&mut flights[0], "rate_limited");
    world.answer(&mut flights[1], "rate_limited@credential");
    world.tells(
        "+5s
server_error(30s) => c1/m1 | server_error 30s",
    );
    let mut flights = [world.begin("").0, world.begin("").0];
    let let_in = flights.iter_mut().filter_map(|flight| world.advance(flight).is_none().then_some(()));
    assert_eq!(let_in.count(), 1);
}

#[test]
fn at_the_very_instant_at_which_it_is_due_a_path_may_be_tried_again() {
    let mut world = World::new("c1/m1");
    let failed_at = world.now;
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "rate_limited(4s)");
    let ready = step(&mut flight.run, world.session(), failed_at);
    assert!(matches!(ready, Ready::Wait { .. }), "{ready:?}");
    let ready = step(&mut flight.run, world.session(), failed_at + Duration::from_secs(4));
    assert!(matches!(ready, Ready::Attempt(..)), "{ready:?}");
}

#[test]
fn a_request_waits_for_nothing_that_others_know_to_be_out_for_longer() {
    let mut world = World::new("c1/m1");
    let mut flights = [world.begin("").0, world.begin("").0];
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    world.answer(&mut flights[0], "rate_limited(60s)");
    world.answer(&mut flights[1], "rate_limited");
    assert!(matches!(world.advance(&mut flights[1]), Some(Ending::Failed(_))));
    assert_eq!(flights[1].path, "c1/m1 ");
}

#[test]
fn a_request_waits_for_a_path_that_it_has_not_tried_yet() {
    check(
        "c1/m1 c2/m1",
        "pin=c2 by=1s rate_limited(4s) => c2/m1 | rate_limited 4s
         rate_limited(12s) ok => c1/m1 ~4s c2/m1 | served",
    );
}

#[test]
fn a_credential_counts_once_in_a_round_however_many_of_its_members_were_tried() {
    let mut world = World::with("c1/m1 c1/m2 c2/m1 c3/m1", |_, params| params.credentials_max = 2);
    world.tells(
        "model_unsupported model_unsupported model_unsupported => c1/m1 c1/m2 c2/m1 | model_unsupported",
    );
}

#[test]
fn what_stands_behind_a_refusal_is_the_most_useful_reason_and_the_scope_that_is_out_longest() {
    let refusal = |story: &str| {
        let mut world = World::new("c1/m1 c2/m1");
        world.tells(story);
        let (mut flight, _) = world.begin("");
        match world.advance(&mut flight) {
            Some(Ending::Failed(report)) => {
                (report.cause.class().unwrap().as_str(), report.suspended.unwrap())
            }
            other => panic!("{other:?}"),
        }
    };
    let candidate = |credential: &str| {
        ScopeKey::Candidate(standin_core::Candidate { credential: credential.into(), model: "m1".into() })
    };
    let told = refusal("quota_exhausted(2h) auth_failed => c1/m1 c2/m1 | quota_exhausted 1800s");
    assert_eq!(told, ("quota_exhausted", candidate("c1")));
    let told = refusal("auth_failed quota_exhausted(2h) => c1/m1 c2/m1 | quota_exhausted 1800s");
    assert_eq!(told, ("quota_exhausted", candidate("c2")));
    let told = refusal("rate_limited(60s) quota_exhausted(2h) => c1/m1 c2/m1 | quota_exhausted 60s");
    assert_eq!(told, ("rate_limited", candidate("c1")), "of equals the first");
    for (first, second, scope, class) in [
        ("rate_limited(60s)", "auth_failed", ScopeKey::Credential("c1".into()), "auth_failed"),
        ("quota_exhausted(5h)", "rate_limited@credential(60s)", candidate("c1"), "quota_exhausted"),
        ("rate_limited(60s)", "timeout(9m)", candidate("c1"), "rate_limited"),
        (
            "rate_limited(60s)",
            "rate_limited@credential(60s)",
            ScopeKey::Credential("c1".into()),
            "rate_limited",
        ),
    ] {
        let mut world = World::new("c1/m1");
        let mut flights = [world.begin("").0, world.begin("").0];
        flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
        world.answer(&mut flights[0], first);
        world.answer(&mut flights[1], second);
        let (mut flight, _) = world.begin("");
        let Some(Ending::Failed(report)) = world.advance(&mut flight) else { panic!("{first}, {second}") };
        assert_eq!((report.cause.class().unwrap().as_str(), report.suspended), (class, Some(scope)));
    }
}

#[test]
fn a_request_that_began_before_a_reload_learns_what_is_learnt_after_it() {
    let mut world = World::new("c1/m1 c2/m1");
    let before = world.session().clone();
    world.reload(|declared, _| declared.models.push(standin_policy::Model::new("up", "m9")));
    world.tells("auth_failed ok => c1/m1 c2/m1 | served");
    let (mut flight, _) = world.begin("");
    let ready = step(&mut flight.run, &before, world.now);
    assert!(matches!(ready, Ready::Attempt(..)));
    let attempt = *flight.run.current().unwrap();
    assert_eq!(flight.run.candidate(&attempt).to_string(), "c2/m1");
}

#[test]
fn a_claim_that_is_lost_again_and_again_waits_and_then_goes_on() {
    let mut world = World::new("c1/m1 c2/m1");
    let (mut flight, _) = world.begin("");
    let mut lost = 0;
    let until = loop {
        match flight.run.next(world.now, world.session()) {
            standin_policy::Step::Attempt(attempt) => {
                assert_eq!(attempt.claim.turn.is_some(), lost < 8, "fair for eight times, then any: {lost}");
                flight.run.refused(Refusal::Moved);
                lost += 1;
            }
            standin_policy::Step::Wait { until, .. } => break until,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((lost, until), (64, world.now + Duration::from_millis(100)));
    assert!(until > Moment::ZERO);
    assert!(matches!(flight.run.next(until, world.session()), standin_policy::Step::Attempt(_)));
}

#[test]
fn weighted_shares_of_one_name_leave_those_of_another_alone() {
    let mut world = World::with("c1/m1 c2/m1", |declared, _| declared.credentials[0].weight = 3);
    let mut first = std::collections::HashMap::new();
    for turn in 0..80 {
        let name = if turn % 2 == 0 { "up/m1" } else { "P" };
        *first.entry((name, world.tell(&format!("of={name} ok")))).or_insert(0) += 1;
    }
    for name in ["up/m1", "P"] {
        let of = |path: &str| first[&(name, path.to_owned())];
        assert_eq!((of("c1/m1 | served"), of("c2/m1 | served")), (30, 10), "{name}");
    }
}

#[test]
fn a_turn_that_led_nowhere_is_given_back() {
    let mut world = World::with("c1/m1 c2/m1", |declared, _| declared.credentials[0].weight = 3);
    world.tells("pin=c1 auth_failed => c1/m1 | auth_failed 1800s\n+1800s");
    let (mut probe, _) = world.begin("pin=c1");
    assert_eq!(world.advance(&mut probe), None);
    let taken = probe.run.current().unwrap().claim;
    let session = world.session();
    let (cursor, pass) = (session.cursor(0), session.pass(0, 0));
    for turn in [
        Turn::Cursor { ring: 0, from: cursor, to: cursor + 1 },
        Turn::Pass { ring: 0, seat: 0, from: pass, start: pass, to: pass + 7 },
    ] {
        let claim = Claim { turn: Some(turn), ..taken };
        assert!(matches!(session.admit(&claim, world.now), Err(Refusal::Probed)));
        assert_eq!((session.cursor(0), session.pass(0, 0)), (cursor, pass));
    }
}

#[test]
fn what_blames_one_operation_of_one_candidate_is_shown_there_and_nowhere_else() {
    let world = World::new("c1/m1 c2/m1");
    let layout = std::sync::Arc::clone(world.routing().layout());
    let keys: Vec<ScopeKey> = Operation::ALL
        .into_iter()
        .flat_map(|operation| (0..2).map(move |at| (at, operation)))
        .map(|(at, operation)| ScopeKey::CandidateOperation(layout.candidate(at), operation))
        .collect();
    let shut = || -> Vec<bool> {
        keys.iter().map(|key| !world.session().gate(layout.slot(key).unwrap()).is_clean()).collect()
    };
    let mut known = vec![false; keys.len()];
    for (at, key) in keys.iter().enumerate() {
        let entry = Suspension {
            class: ErrorClass::ModelUnsupported,
            rule: "test/rule".into(),
            since: world.now,
            until: world.now + Duration::from_secs(60),
            hinted_until: Moment::ZERO,
            probe_at: world.now + Duration::from_secs(60),
            probed_at: world.now,
            strikes: 1,
            status: 404,
            evidence: String::new(),
        };
        world.session().observe(key, ErrorClass::ModelUnsupported, |_| entry.clone());
        known[at] = true;
        assert_eq!(shut(), known, "{key}");
    }
}

#[test]
fn a_request_in_the_place_of_another_knows_nothing_of_it() {
    let mut world = World::new("c1/m1 c1/m2 c2/m2 c3/m1");
    let (mut flight, _) = world.begin("later=talk by=60s");
    let mut answers =
        ["timeout", "capability_mismatch", "rate_limited(2s)", "server_error"].into_iter().cycle();
    while world.advance(&mut flight).is_none() {
        world.answer(&mut flight, answers.next().unwrap());
    }
    assert!(flight.run.attempts() >= 4, "{}", flight.path);
    let ask = standin_policy::Ask::new(Operation::Messages, 7);
    let route = world.routing().resolve("P").unwrap();
    let params = std::sync::Arc::clone(flight.run.params());
    let fresh = standin_policy::Run::new(world.shared_routing(), params, route, ask.clone());
    flight.run.begin_again(ask);
    assert_eq!(format!("{:?}", flight.run), format!("{fresh:?}"));
}
