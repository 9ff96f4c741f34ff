//! Scenarios 68 to 84: rounds, waits and what bounds them.

use std::time::Duration;

use standin_policy::{Ending, Ready, Stop, UnknownFate, step};

use crate::transcript::{World, check, route};

fn stop(ending: Option<Ending>) -> Stop {
    match ending {
        Some(Ending::Failed(report)) => report.stop,
        other => panic!("{other:?}"),
    }
}

#[test]
fn s068_each_credential_is_called_once_per_round_and_never_before_it_is_due() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1", |_, params| {
        params.soft_retries_max = 16;
        params.rounds = 2;
    });
    world.tells(
        "server_error#1 server_error#2 server_error#3 server_error#4 server_error#5 server_error#6 server_error#7 \
         server_error#8 server_error#9 \
         => c1/m1 c2/m1 c3/m1 ~1s c1/m1 c2/m1 c3/m1 ~2s c1/m1 c2/m1 c3/m1 | server_error 4s",
    );
}

#[test]
fn s068_attempts_max_bounds_the_whole() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1", |_, params| params.attempts_max = 2);
    world.tells("auth_failed auth_failed => c1/m1 c2/m1 | auth_failed");
}

#[test]
fn s069_the_next_round_begins_with_the_credential_that_was_one_too_many() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1 c4/m1", |_, params| {
        params.credentials_max = 3;
        params.rounds = 1;
    });
    world.tells("rate_limited rate_limited rate_limited ok => c1/m1 c2/m1 c3/m1 c4/m1 | served");
}

#[test]
fn s069_no_more_credentials_are_called_in_a_round_than_the_operator_wants() {
    for (most, called) in [(1, "c1/m1"), (2, "c1/m1 c2/m1"), (3, "c1/m1 c2/m1 c3/m1")] {
        let mut world = World::with("c1/m1 c2/m1 c3/m1", |_, params| params.credentials_max = most);
        let answers = vec!["auth_failed"; called.split(' ').count()].join(" ");
        let path = world.tell(&answers);
        assert!(path.starts_with(&format!("{called} | auth_failed")), "{most}: {path}");
    }
}

#[test]
fn s070_a_request_keeps_the_parameters_it_began_with() {
    let mut world = World::new("c1/m1");
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "rate_limited(4s)");
    world.reload(|_, params| params.rounds = 0);
    assert_eq!(world.advance(&mut flight), None, "{}", flight.path);
    assert!(flight.path.starts_with("c1/m1 ~4s c1/m1"), "{}", flight.path);
}

#[test]
fn s071_what_is_out_for_long_or_serves_another_model_opens_no_further_round() {
    check(
        "c1/m1 c2/m1 c3/m2",
        "pin=c2 quota_exhausted(2h) => c2/m1 | quota_exhausted 7200s
         of=up/m1 rate_limited(60s) => c1/m1 | rate_limited 60s",
    );
}

#[test]
fn s072_with_a_free_credential_nobody_waits() {
    check("c1/m1 c2/m1", "rate_limited(3s) ok => c1/m1 c2/m1 | served");
}

#[test]
fn s073_hard_blocks_open_no_further_round() {
    for class in ["auth_failed", "billing", "model_unsupported?", "permission"] {
        let mut world = World::new("c1/m1");
        assert!(world.tell(class).starts_with("c1/m1 | "), "{class}");
    }
}

#[test]
fn s074_with_no_time_to_wait_a_request_never_sleeps() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1", |_, params| {
        params.wait_max = Duration::ZERO;
        params.credentials_max = 2;
    });
    world.tells(
        "rate_limited(2s) rate_limited(2s) ok => c1/m1 c2/m1 c3/m1 | served
         pin=c1 => | suspended rate_limited 2s
         rate_limited(2s) => c3/m1 | rate_limited 2s",
    );
}

#[test]
fn s075_waiting_requests_wake_apart_and_only_one_of_them_probes() {
    let mut world = World::new("c1/m1");
    let mut flights: Vec<_> = (0..20).map(|_| world.begin("").0).collect();
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    let failed_at = world.now;
    flights.iter_mut().for_each(|flight| world.answer(flight, "rate_limited(10s)"));
    let ceiling = failed_at + world.params.wait_max;
    let mut wakes = Vec::new();
    for flight in &mut flights {
        match step(&mut flight.run, world.session(), world.now) {
            Ready::Wait { until, .. } => wakes.push(until),
            other => panic!("{other:?}"),
        }
    }
    assert!(wakes.iter().all(|wake| *wake >= failed_at + Duration::from_secs(10) && *wake <= ceiling));
    wakes.sort_unstable();
    wakes.dedup();
    assert!(wakes.len() > 15, "{} different wakes of 20", wakes.len());

    world.now = failed_at + Duration::from_secs(11);
    let now = world.now;
    let is_probing = |flight: &mut crate::transcript::Flight| {
        let ready = step(&mut flight.run, world.session(), now);
        let is_attempt = matches!(ready, Ready::Attempt(..));
        std::mem::forget(ready);
        is_attempt
    };
    assert_eq!(flights.iter_mut().filter_map(|flight| is_probing(flight).then_some(())).count(), 1);
}

#[test]
fn s076_by_default_an_outage_of_a_blip_is_survived_by_a_delayed_retry() {
    check("c1/m1 c2/m1", "overloaded overloaded ok => c1/m1 c2/m1 ~1s c1/m1 | served");
}

#[test]
fn s077_attempts_on_the_same_credential_are_spaced_also_with_suspending_off() {
    let mut world = World::with("c1/m1", |_, params| params.suspend = false);
    world
        .tells("server_error#1 server_error#2 server_error#3 => c1/m1 ~1s c1/m1 ~2s c1/m1 | server_error 4s");
}

#[test]
fn s078_the_caller_sees_the_best_upstream_error_of_all_rounds() {
    check("c1/m1 c2/m1", "rate_limited(20s) auth_failed => c1/m1 c2/m1 | rate_limited 20s");
    check(
        "c1/m1 c2/m1 c3/m1",
        "auth_failed model_unsupported server_error#1 server_error#2 server_error#3 \
         => c1/m1 c2/m1 c3/m1 ~1s c3/m1 ~2s c3/m1 | model_unsupported 4s",
    );
}

#[test]
fn s079_fifty_failing_credentials_cost_a_bounded_number_of_attempts_and_seconds() {
    let pool: Vec<String> = (0..50).map(|at| format!("c{at:02}/m1")).collect();
    for class in ["server_error", "auth_failed", "rate_limited(3s)", "timeout", "connect"] {
        let mut world = World::new(&pool.join(" "));
        let began = world.now;
        let (mut flight, _) = world.begin("");
        let mut attempts = 0;
        while world.advance(&mut flight).is_none() {
            attempts += 1;
            world.answer(&mut flight, &format!("{class}#{attempts}"));
        }
        assert!(attempts <= 16, "{class}: {attempts}");
        assert!(world.now.since(began) <= Duration::from_secs(15), "{class}");
    }
}

#[test]
fn s080_the_next_tier_serves_the_same_request_when_the_first_is_exhausted() {
    let mut world = World::with("a:c1/m1 a:c2/m1 b:c3/m1", |declared, _| {
        declared.routes.push(route("a/m1 b/m1"));
    });
    world.tells(
        "auth_failed auth_failed ok => c1/m1 c2/m1 c3/m1 | served
         ok => c3/m1 | served",
    );
}

#[test]
fn s080_higher_priorities_come_first_and_lower_ones_serve_the_same_request() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1", |declared, _| {
        declared.credentials[1].priority = 10;
        declared.credentials[2].priority = 10;
    });
    world.tells(
        "ok => c2/m1 | served
         ok => c3/m1 | served
         model_unsupported model_unsupported ok => c2/m1 c3/m1 c1/m1 | served",
    );
}

#[test]
fn s081_silence_of_an_upstream_is_a_transient_failure() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("timeout ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 timeout 1s"]);
}

#[test]
fn s082_a_caller_that_leaves_cools_nothing_and_frees_what_it_held() {
    let mut world = World::with("c1/m1", |declared, _| declared.credentials[0].in_flight_max = Some(1));
    world.tells(
        "gone => c1/m1 | gone
         client_gone => c1/m1 | gone
         by=10s gone => c1/m1 | gone
         ok => c1/m1 | served",
    );
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    drop(flight);
    world.tells("ok => c1/m1 | served");
    assert!(world.store.export().is_empty());
}

#[test]
fn s083_the_callers_own_deadline_ends_the_request_and_blames_nobody() {
    let mut world = World::new("c1/m1");
    let (mut flight, _) = world.begin("by=5s");
    assert_eq!(world.advance(&mut flight), None);
    world.now = world.now + Duration::from_secs(5);
    world.answer(&mut flight, "gone");
    let ending = world.advance(&mut flight);
    assert_eq!(stop(ending), Stop::Deadline);
    assert!(world.store.export().is_empty());
}

#[test]
fn s083_a_wait_that_would_pass_the_callers_deadline_is_not_begun() {
    check("c1/m1", "by=3s rate_limited(10s) => c1/m1 | rate_limited 10s");
}

#[test]
fn s084_beyond_its_limit_a_credential_is_passed_over() {
    let mut world = World::with("c1/m1 c2/m1", |declared, _| declared.credentials[0].in_flight_max = Some(1));
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.tells(
        "ok => c2/m1 | served
         ok => c2/m1 | served",
    );
    world.answer(&mut flight, "ok");
    world.tells("ok => c1/m1 | served");
}

#[test]
fn s084_without_another_credential_it_queues_for_a_bounded_time_and_is_then_refused() {
    let mut world = World::with("c1/m1", |declared, _| declared.credentials[0].in_flight_max = Some(1));
    let (mut first, _) = world.begin("");
    assert_eq!(world.advance(&mut first), None);
    let began = world.now;
    world.tells("=> | at capacity");
    let waited = world.now.since(began);
    assert!(waited >= Duration::from_secs(14) && waited <= Duration::from_secs(15), "{waited:?}");

    let (mut second, _) = world.begin("");
    assert!(matches!(step(&mut second.run, world.session(), world.now), Ready::Wait { .. }));
    world.answer(&mut first, "ok");
    assert_eq!(world.advance(&mut second), None);
}

#[test]
fn a_storm_of_soft_failures_is_stopped_by_the_upstreams_retry_budget() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1", |_, params| params.wait_max = Duration::ZERO);
    let mut attempts = 0;
    let mut last = None;
    for _ in 0..100 {
        let (mut flight, _) = world.begin("");
        last = loop {
            match world.advance(&mut flight) {
                None => {
                    attempts += 1;
                    world.answer(&mut flight, &format!("server_error#{attempts}"));
                }
                ending => break ending,
            }
        };
    }
    assert!(attempts <= 100 + 10 + 20 + 1, "{attempts}");
    assert_eq!(stop(last), Stop::BudgetSpent);
}

#[test]
fn walking_over_dead_keys_to_the_healthy_one_costs_no_retry_budget() {
    let pool: Vec<String> = (0..16).map(|at| format!("c{at:02}/m1")).collect();
    let mut world = World::new(&pool.join(" "));
    let answers = format!("{}ok", "auth_failed ".repeat(15));
    assert!(world.tell(&answers).ends_with("c15/m1 | served"));
}

#[test]
fn after_a_soft_failure_at_most_four_more_attempts_follow() {
    let pool: Vec<String> = (0..9).map(|at| format!("c{at}/m1")).collect();
    let mut world = World::new(&pool.join(" "));
    let (mut flight, _) = world.begin("");
    let mut attempts = 0;
    let ending = loop {
        match world.advance(&mut flight) {
            None => {
                attempts += 1;
                world.answer(&mut flight, &format!("server_error#{attempts}"));
            }
            ending => break ending,
        }
    };
    assert_eq!((attempts, stop(ending)), (5, Stop::SoftRetriesSpent));
}

#[test]
fn an_attempt_of_unknown_fate_is_reported_if_the_operator_wants_that() {
    for answer in ["timeout", "connect", "cut_short"] {
        let class = if answer == "cut_short" { "malformed" } else { answer };
        let mut world = World::with("c1/m1 c2/m1", |_, params| params.on_unknown_fate = UnknownFate::Stop);
        assert!(world.tell(answer).starts_with(&format!("c1/m1 | {class}")));
        let mut world = World::with("c1/m1 c2/m1", |_, params| params.on_unknown_fate = UnknownFate::Stop);
        world.tells(&format!("{answer}!unsent ok => c1/m1 c2/m1 | served"));
    }
}

#[test]
fn after_content_nothing_more_is_attempted() {
    check("c1/m1 c2/m1", "server_error!content => c1/m1 | server_error");
    check("c1/m1 c2/m1", "server_error!headers ok => c1/m1 c2/m1 | served");
}

#[test]
fn a_fully_suspended_route_is_tried_twice_a_minute_per_credential_as_a_last_resort() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells(
        "quota_exhausted(2h) quota_exhausted(2h) => c1/m1 c2/m1 | quota_exhausted 7200s
         +29s
         => | suspended quota_exhausted 7171s
         +1s
         quota_exhausted(2h) quota_exhausted(2h) => c1/m1 c2/m1 | quota_exhausted 7200s
         +30s
         ok => c1/m1 | served",
    );
    assert_eq!(world.suspended().len(), 1, "only the path that served is free: {:?}", world.suspended());
}

#[test]
fn a_last_resort_that_fails_is_no_strike_and_puts_no_probe_off() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted => c1/m1 | quota_exhausted 300s");
    for left in [270, 240, 210] {
        world.tells("+30s\nquota_exhausted => c1/m1 | quota_exhausted 300s");
        assert_eq!(world.suspended(), [format!("c1/m1 quota_exhausted {left}s")]);
    }
    assert_eq!(world.store.list(world.now)[0].suspension.strikes, 1);
    world.tells("+210s\nquota_exhausted => c1/m1 | quota_exhausted 600s");
}

#[test]
fn a_last_resort_asks_for_the_member_that_least_is_held_against() {
    check(
        "c1/m1 c1/m2",
        "model_unsupported ok => c1/m1 c1/m2 | served
         auth_failed => c1/m2 | auth_failed 1800s
         +30s
         ok => c1/m2 | served",
    );
}

#[test]
fn a_last_resort_leaves_alone_what_says_itself_that_it_comes_back_within_the_hour() {
    check(
        "c1/m1 c2/m1",
        "quota_exhausted(40m) quota_exhausted(5d) => c1/m1 c2/m1 | quota_exhausted 2400s
         +60s
         quota_exhausted(5d) => c2/m1 | quota_exhausted 2340s",
    );
}

#[test]
fn while_a_last_resort_is_in_the_air_others_wait_for_what_it_finds() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s\n+30s");
    let (mut first, _) = world.begin("");
    assert_eq!(world.advance(&mut first), None);
    let (mut second, _) = world.begin("");
    assert!(matches!(step(&mut second.run, world.session(), world.now), Ready::Wait { .. }));
    world.answer(&mut first, "ok");
    assert_eq!(world.advance(&mut second), None);
    assert_eq!(second.path, "c1/m1 ");
}

#[test]
fn a_path_that_is_half_due_is_not_entered_without_the_one_probe() {
    let mut world = World::with("c1/m1", |_, params| params.wait_max = Duration::ZERO);
    world.tells(
        "quota_exhausted@credential => c1/m1 | quota_exhausted 300s
         +299500ms
         server_error => c1/m1 | server_error 1s
         +700ms",
    );
    assert_eq!(world.suspended(), ["c1/m1 server_error 0s"], "the credential is due, its member is not");
    let mut flights = [world.begin("").0, world.begin("").0];
    let attempts = flights.iter_mut().filter_map(|flight| world.advance(flight).is_none().then_some(()));
    assert_eq!(attempts.count(), 1, "one request on a path that is half out");
}

#[test]
fn b3_a_renewable_credential_is_renewed_once_and_tried_again_before_it_counts_as_rejected() {
    let mut world = World::with("c1/m1 c2/m1", |declared, _| declared.credentials[0].is_renewable = true);
    world.tells(
        "auth_failed ok => c1/m1 renewed:c1/m1 | served
         ok => c2/m1 | served
         auth_failed auth_failed ok => c1/m1 renewed:c1/m1 c2/m1 | served",
    );
    assert_eq!(world.suspended(), ["c1 auth_failed 1800s"]);
}

#[test]
fn b3_only_a_key_that_is_surely_rejected_is_worth_a_renewal_and_only_before_content() {
    let renewable = || World::with("c1/m1 c2/m1", |declared, _| declared.credentials[0].is_renewable = true);
    for (story, path) in [
        ("auth_failed? ok", "c1/m1 c2/m1 | served"),
        ("permission ok", "c1/m1 c2/m1 | served"),
        ("auth_failed!content", "c1/m1 | auth_failed"),
    ] {
        assert_eq!(renewable().tell(story), path, "{story}");
    }
}
