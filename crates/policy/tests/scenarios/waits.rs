//! What a request waits for and how long, what it does when it may not wait, and what it costs its upstream's budget.

use std::{collections::BTreeSet, time::Duration};

use standin_core::{Memory, Moment, Refusal};
use standin_policy::{Cause, Ending, Ready, Report, Step, Stop, Wake, step};

use crate::transcript::{Flight, World, check};

/// How soon a request looks again: after a tenth of a second, and up to as much later.
const LOOKS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(200)];

/// Until when a request waits, and for what.
fn wait(world: &mut World, flight: &mut Flight) -> (Moment, Wake) {
    match step(&mut flight.run, world.session(), world.now) {
        Ready::Wait { until, wake } => (until, wake),
        other => panic!("{other:?}"),
    }
}

fn report(ending: Option<Ending>) -> Report {
    match ending {
        Some(Ending::Failed(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// Twenty requests wait for the same thing: they look again soon, and not as one.
fn look_again_apart(world: &mut World, words: &str, what: Wake) {
    let mut untils = BTreeSet::new();
    for _ in 0..20 {
        let (mut flight, _) = world.begin(words);
        let (until, wake) = wait(world, &mut flight);
        let waits = until.since(world.now);
        assert!(
            wake == what && waits >= LOOKS[0] && waits < LOOKS[1],
            "{what:?}, {words}: {wake:?} {waits:?}"
        );
        untils.insert(until);
    }
    assert!(untils.len() > 15, "{what:?}: {untils:?}");
}

#[test]
fn who_waits_for_the_probe_of_another_looks_again_within_a_fifth_of_a_second_and_not_with_all_others() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted(20m) => c1/m1 | quota_exhausted 1200s\n+600s");
    let (mut probe, _) = world.begin("");
    assert_eq!(world.advance(&mut probe), None);
    look_again_apart(&mut world, "", Wake::Probe);
}

#[test]
fn who_waits_for_room_looks_again_within_a_fifth_of_a_second_and_not_with_all_others() {
    let mut world = World::with("c1/m1", |declared, _| declared.credentials[0].in_flight_max = Some(1));
    let (mut inside, _) = world.begin("");
    assert_eq!(world.advance(&mut inside), None);
    look_again_apart(&mut world, "", Wake::Room);
}

#[test]
fn who_waits_for_the_last_resort_of_another_looks_again_as_soon_if_its_deadline_allows_that() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s\n+30s");
    let (mut resort, _) = world.begin("");
    assert_eq!(world.advance(&mut resort), None);
    look_again_apart(&mut world, "", Wake::Probe);
    look_again_apart(&mut world, "by=10s", Wake::Probe);
    world.tells("by=50ms => | suspended quota_exhausted 431970s");
}

#[test]
fn of_room_and_the_end_of_a_suspension_a_request_waits_for_what_comes_first() {
    let mut world = World::with("c1/m1 c2/m1", |declared, _| declared.credentials[1].in_flight_max = Some(1));
    let (mut inside, _) = world.begin("pin=c2");
    assert_eq!(world.advance(&mut inside), None);
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "rate_limited(1s)");
    let due = world.now + Duration::from_secs(1);
    assert_eq!(wait(&mut world, &mut flight).1, Wake::Room);
    world.now = world.now + Duration::from_millis(950);
    let (until, wake) = wait(&mut world, &mut flight);
    assert_eq!(wake, Wake::Due);
    assert!(until >= due && until <= due + Duration::from_millis(50), "{until:?}");
}

#[test]
fn what_is_called_after_a_wait_for_a_suspension_belongs_to_the_next_round() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("pin=c2 by=1s rate_limited(4s) => c2/m1 | rate_limited 4s");
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    assert_eq!(flight.run.current().unwrap().round, 0);
    world.answer(&mut flight, "rate_limited(12s)");
    assert_eq!(world.advance(&mut flight), None);
    assert_eq!((flight.path.as_str(), flight.run.current().unwrap().round), ("c1/m1 ~4s c2/m1 ", 1));
}

#[test]
fn a_candidate_that_nobody_remembers_to_have_failed_is_tried_again_at_the_very_moment_it_is_due() {
    let mut world = World::with("c1/m1 c2/m1", |_, params| params.suspend = false);
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "rate_limited(1s)");
    assert_eq!(world.advance(&mut flight), None);
    world.now = world.now + Duration::from_secs(1);
    world.answer(&mut flight, "rate_limited(9s)");
    let now = world.now;
    assert_eq!(world.advance(&mut flight), None);
    assert_eq!((flight.path.as_str(), world.now), ("c1/m1 c2/m1 c1/m1 ", now));
}

#[test]
fn nobody_asks_a_last_resort_while_a_probe_or_room_may_open_a_path() {
    let impatient = |candidates: &str, room: Option<u32>| {
        World::with(candidates, |declared, params| {
            params.wait_max = Duration::ZERO;
            declared.credentials[1].in_flight_max = room;
        })
    };
    let mut world = impatient("c1/m1 c2/m1", None);
    world.tells(
        "pin=c1 quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s
         pin=c2 rate_limited(60s) => c2/m1 | rate_limited 60s
         +60s",
    );
    let (mut probe, _) = world.begin("pin=c2");
    assert_eq!(world.advance(&mut probe), None);
    world.tells("=> | suspended quota_exhausted");

    let mut world = impatient("c1/m1 c2/m1", Some(1));
    world.tells("pin=c1 quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s\n+60s");
    let (mut inside, _) = world.begin("pin=c2");
    assert_eq!(world.advance(&mut inside), None);
    world.tells("=> | suspended quota_exhausted");
}

#[test]
fn of_two_that_saw_the_last_place_free_only_one_gets_it() {
    let mut world = World::with("c1/m1", |declared, _| declared.credentials[0].in_flight_max = Some(2));
    let (mut inside, _) = world.begin("");
    assert_eq!(world.advance(&mut inside), None);
    let mut flights = [world.begin("").0, world.begin("").0];
    let claims = flights.each_mut().map(|flight| match flight.run.next(world.now, world.session()) {
        Step::Attempt(attempt) => attempt.claim,
        other => panic!("{other:?}"),
    });
    let held = claims.map(|claim| world.session().admit(&claim, world.now));
    assert!(matches!(held, [Ok(_), Err(Refusal::NoRoom)]), "{held:?}");
}

#[test]
fn of_two_that_saw_a_credential_rested_only_one_makes_it_its_last_resort_also_when_that_has_ended() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s\n+30s");
    let mut flights = [world.begin("").0, world.begin("").0];
    let [first, second] =
        flights.each_mut().map(|flight| match flight.run.next(world.now, world.session()) {
            Step::Attempt(attempt) => attempt.claim,
            other => panic!("{other:?}"),
        });
    drop(world.session().admit(&first, world.now).unwrap());
    let late = world.session().admit(&second, world.now);
    assert!(matches!(late, Err(Refusal::Probed)), "{late:?}");
    let rested = world.now + world.params.last_resort_interval;
    assert!(world.session().admit(&second, rested).is_ok());
}

/// Nothing comes with time, and nobody waits: only requests bring tokens, and there is room for one.
fn poor(candidates: &str) -> World {
    World::with(candidates, |_, params| {
        params.retry_budget_burst = 1;
        params.retry_budget_per_second = 0.001;
        params.wait_max = Duration::ZERO;
        params.rounds = 0;
    })
}

#[test]
fn five_requests_bring_the_token_that_one_more_attempt_after_a_soft_failure_costs() {
    let mut world = poor("c1/m1 c2/m1");
    world.tells("server_error ok => c1/m1 c2/m1 | served");
    for _ in 0..3 {
        assert!(world.tell("ok").ends_with("| served"));
    }
    let fourth = world.tell("server_error");
    assert!(fourth.contains("| server_error"), "four requests bring less than one: {fourth}");
    let fifth = world.tell("server_error ok");
    assert!(fifth.ends_with("| served"), "{fifth}");
}

#[test]
fn a_budget_that_is_spent_is_no_reason_for_a_last_resort_elsewhere() {
    let mut world = poor("eu:c1/m1 up:c2/m1 up:c3/m1");
    world.tells(
        "pin=c1 quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s
         +60s
         server_error ok => c2/m1 c3/m1 | served",
    );
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "server_error");
    let ending = world.advance(&mut flight);
    assert_eq!(report(ending).stop, Stop::BudgetSpent, "{}", flight.path);
}

#[test]
fn who_runs_out_of_its_callers_time_is_told_so_whatever_went_wrong_before() {
    let mut world = World::new("c1/m1 c2/m1");
    let (mut flight, _) = world.begin("by=5s");
    assert_eq!(world.advance(&mut flight), None);
    world.now = world.now + Duration::from_secs(5);
    world.answer(&mut flight, "server_error");
    let report = report(world.advance(&mut flight));
    assert_eq!((report.cause, report.stop, report.attempts), (Cause::CallerDeadline, Stop::Deadline, 1));
}

#[test]
fn a_request_that_nobody_can_be_asked_for_is_told_so() {
    check(
        "c1/m1 c2/m1",
        "speaks=c9 => | no candidate
         pin=c9 => | pin unknown",
    );
}

#[test]
fn an_attempt_names_the_number_of_whom_it_calls() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1");
    for name in ["c1/m1", "c2/m1", "c3/m1"] {
        let (mut flight, _) = world.begin("");
        assert_eq!(world.advance(&mut flight), None);
        let attempt = flight.run.current().unwrap();
        assert_eq!(world.routing().layout().candidate(attempt.candidate()).to_string(), name);
        world.answer(&mut flight, "ok");
        assert_eq!(flight.run.last_candidate().unwrap().to_string(), name, "also when it is over");
    }
}

#[test]
fn a_log_and_a_record_call_the_reason_for_stopping_the_same() {
    let all = [
        Stop::Final,
        Stop::Exhausted,
        Stop::AttemptsSpent,
        Stop::SoftRetriesSpent,
        Stop::BudgetSpent,
        Stop::UnknownFate,
        Stop::ContentForwarded,
        Stop::Deadline,
    ];
    for stop in all {
        assert_eq!(serde_json::to_value(stop).unwrap(), stop.as_str());
    }
}
