//! Scenarios 45 to 53 and 58 to 67: how long, until when, and what lifts it.

use std::time::Duration;

use standin_core::{Candidate, CredentialId, Entry, ErrorClass, ScopeKey};
use standin_policy::{Route, Strategy, Upstream};

use crate::transcript::{World, check, failure, route};

#[test]
fn s045_ten_concurrent_failures_are_one_strike_and_one_entry() {
    let mut world = World::new("c1/m1");
    let mut flights: Vec<_> = (0..10).map(|_| world.begin("").0).collect();
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    world.now = world.now + Duration::from_secs(1);
    flights.iter_mut().for_each(|flight| world.answer(flight, "rate_limited"));
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 5s"]);
    assert_eq!(world.strikes(), 1);
}

#[test]
fn s046_a_failure_after_the_window_is_the_next_level() {
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    world.tells(
        "rate_limited => c1/m1 | rate_limited 5s
         +5s
         rate_limited => c1/m1 | rate_limited 10s
         +10s
         rate_limited => c1/m1 | rate_limited 20s
         +20s
         rate_limited => c1/m1 | rate_limited 40s",
    );
    assert_eq!(world.strikes(), 4);
}

#[test]
fn s046_a_ladder_is_forgotten_some_time_after_its_last_window() {
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    world.tells(
        "rate_limited => c1/m1 | rate_limited 5s
         +5s
         rate_limited => c1/m1 | rate_limited 10s
         +611s
         rate_limited => c1/m1 | rate_limited 5s",
    );
}

#[test]
fn s047_a_hint_of_nothing_still_waits_a_second() {
    for hint in ["0s", "700ms"] {
        let mut world = World::new("c1/m1 c2/m1");
        world.tells(&format!("rate_limited({hint}) ok => c1/m1 c2/m1 | served"));
        assert_eq!(world.suspended(), ["c1/m1 rate_limited 1s"]);
    }
}

#[test]
fn s047_a_hint_for_a_minute_limit_is_believed_for_ten_minutes_at_most() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("rate_limited(3h) ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 600s"]);
}

#[test]
fn s048_a_hint_of_many_days_is_probed_by_one_request_at_a_bounded_cadence_and_one_success_lifts_it() {
    check(
        "c1/m1 c2/m1",
        "quota_exhausted(18d) ok => c1/m1 c2/m1 | served
         +599s
         ok => c2/m1 | served
         +1s
         quota_exhausted(18d) ok => c1/m1 c2/m1 | served
         +20m
         quota_exhausted(18d) ok => c1/m1 c2/m1 | served
         +40m
         quota_exhausted(18d) ok => c1/m1 c2/m1 | served
         +59m
         ok => c2/m1 | served
         +1m
         ok => c1/m1 | served
         ok => c2/m1 | served
         ok => c1/m1 | served",
    );
}

#[test]
fn s048_only_one_request_at_a_time_is_the_probe() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("quota_exhausted(5d) ok => c1/m1 c2/m1 | served");
    world.now = world.now + Duration::from_secs(600);
    let mut flights: Vec<_> = (0..64).map(|_| world.begin("").0).collect();
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    let probes = flights.iter().filter(|flight| flight.path == "c1/m1 ").count();
    assert_eq!(probes, 1);
}

#[test]
fn s049_hints_of_an_overloaded_provider_are_honoured() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("overloaded(20s) ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 overloaded 20s"]);
}

#[test]
fn s051_a_shorter_failure_never_moves_the_deadline_closer() {
    let mut world = World::new("c1/m1 c2/m1");
    let (mut early, mut late) = (world.begin("pin=c1").0, world.begin("pin=c1").0);
    assert_eq!((world.advance(&mut early), world.advance(&mut late)), (None, None));
    world.answer(&mut early, "rate_limited(300s)");
    world.now = world.now + Duration::from_secs(10);
    world.answer(&mut late, "rate_limited(2s)");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 290s"]);
}

#[test]
fn s052_a_success_that_began_before_the_failure_lifts_nothing() {
    for (class, left) in
        [("rate_limited(60s)", "c1/m1 rate_limited 50s"), ("auth_failed", "c1 auth_failed 1790s")]
    {
        let mut world = World::new("c1/m1 c2/m1");
        let (mut fails, mut serves) = (world.begin("pin=c1").0, world.begin("pin=c1").0);
        assert_eq!((world.advance(&mut fails), world.advance(&mut serves)), (None, None));
        world.answer(&mut fails, class);
        world.now = world.now + Duration::from_secs(10);
        world.answer(&mut serves, "ok");
        assert_eq!(world.suspended(), [left]);
    }
}

#[test]
fn s053_a_success_that_began_after_the_failure_clears_block_level_and_every_view() {
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    world.tells(
        "rate_limited => c1/m1 | rate_limited 5s
         +5s
         rate_limited => c1/m1 | rate_limited 10s
         +10s
         ok => c1/m1 | served",
    );
    assert!(world.store.export().is_empty() && world.suspended().is_empty());
    world.tells("rate_limited => c1/m1 | rate_limited 5s");
}

#[test]
fn s053_first_content_opens_a_path_to_all_and_only_its_verified_end_resets_the_ladder() {
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    world.tells(
        "rate_limited => c1/m1 | rate_limited 5s
         +5s",
    );
    let mut probe = world.begin("").0;
    assert_eq!(world.advance(&mut probe), None);
    world.content(&probe);
    assert!(world.suspended().is_empty());
    let mut other = world.begin("").0;
    assert_eq!(world.advance(&mut other), None, "an opened path serves everybody");
    world.answer(&mut probe, "rate_limited!content");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 10s"]);
}

#[test]
fn s053_content_of_an_attempt_that_knew_nothing_of_the_failure_opens_nothing() {
    let mut world = World::new("c1/m1");
    let (mut fails, mut speaks) = (world.begin("").0, world.begin("").0);
    assert_eq!((world.advance(&mut fails), world.advance(&mut speaks)), (None, None));
    world.answer(&mut fails, "rate_limited(60s)");
    world.content(&speaks);
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 60s"]);
}

#[test]
fn s053_the_verified_end_of_what_content_has_opened_leaves_nothing_behind() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("rate_limited ok => c1/m1 c2/m1 | served\n+5s");
    let mut probe = world.begin("pin=c1").0;
    assert_eq!(world.advance(&mut probe), None);
    world.content(&probe);
    assert_eq!(world.store.export(), vec![], "nobody is held back");
    world.answer(&mut probe, "ok");
    world.tells("pin=c1 rate_limited(60s) => c1/m1 | rate_limited 60s");
    assert_eq!(world.strikes(), 1, "its ladder is forgotten");
}

#[test]
fn s058_with_suspending_off_nothing_is_suspended_for_any_class() {
    for class in ["model_unsupported", "rate_limited(60s)", "auth_failed", "server_error"] {
        let mut world = World::with("c1/m1 c2/m1", |_, params| params.suspend = false);
        world.tells(&format!(
            "{class} ok => c1/m1 c2/m1 | served
             ok => c1/m1 | served"
        ));
        assert!(world.store.export().is_empty());
    }
}

#[test]
fn s058_with_suspending_off_a_request_still_keeps_off_what_it_has_just_seen_fail() {
    let mut world = World::with("c1/m1 c1/m2 c2/m1", |_, params| params.suspend = false);
    world.tells("auth_failed auth_failed => c1/m1 c2/m1 | auth_failed 1800s");
}

#[test]
fn s058_with_suspending_off_nobody_probes_what_is_due_again() {
    let mut world = World::with("c1/m1 c2/m1", |_, params| params.suspend = false);
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "connect!unsent");
    world.now = world.now + Duration::from_secs(1);
    assert_eq!(world.advance(&mut flight), None);
    assert_eq!(
        (flight.path.as_str(), flight.run.current().unwrap().claim.entry),
        ("c1/m1 c2/m1 ", Entry::Free)
    );
}

#[test]
fn s058_a_rule_that_forces_suspending_applies_although_it_is_off() {
    let mut world = World::with("c1/m1 c2/m1", |_, params| params.suspend = false);
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    let mut forced = failure("rate_limited(60s)");
    forced.verdict.suspend = Some(true);
    world.fail(&mut flight, forced);
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 60s"]);
}

#[test]
fn s059_the_most_specific_suspend_setting_wins() {
    let mut world = World::with("c1/m1 c2/m1", |declared, params| {
        params.suspend = false;
        declared.credentials[0].suspend = Some(true);
    });
    world.tells("rate_limited(60s) rate_limited(60s) => c1/m1 c2/m1 | rate_limited 60s");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 60s"]);

    let mut world = World::with("c1/m1 c2/m1", |declared, _| {
        declared.upstreams = vec![Upstream { suspend: Some(true), ..Upstream::new("up") }];
        declared.credentials[0].suspend = Some(false);
    });
    world.tells("rate_limited(60s) rate_limited(60s) => c1/m1 c2/m1 | rate_limited 60s");
    assert_eq!(world.suspended(), ["c2/m1 rate_limited 60s"]);
}

#[test]
fn s060_switching_suspending_off_at_runtime_lifts_what_is_there() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("model_unsupported ok => c1/m1 c2/m1 | served");
    world.reload(|_, params| params.suspend = false);
    assert!(world.store.export().is_empty());
    world.tells("ok => c1/m1 | served");
}

#[test]
fn s061_an_unknown_failure_has_a_finite_deadline_and_recovers_by_itself() {
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    world.tells("malformed => c1/m1 | malformed 1s");
    world.now = world.now + Duration::from_secs(1);
    assert!(world.suspended().is_empty());
    world.tells("ok => c1/m1 | served");
}

#[test]
fn s062_a_failed_connection_goes_to_another_endpoint_and_blames_no_credential() {
    let mut world = World::new("c1/m1 c2/m1 eu:c3/m1");
    world.tells("connect!unsent ok => c1/m1 c3/m1 | served");
    assert_eq!(world.suspended(), ["up connect 1s"]);
    assert!(matches!(world.store.list(world.now)[0].key, ScopeKey::Endpoint(_)));
}

#[test]
fn s063_one_blip_never_becomes_a_local_blackout() {
    for class in ["server_error", "overloaded", "connect", "timeout", "malformed"] {
        let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
        world.tells(&format!(
            "{class} => c1/m1 | {class} 1s
             +100ms
             {class} => c1/m1 | {class} 2s
             ok => c1/m1 | served"
        ));
    }
}

#[test]
fn s063_softly_suspended_paths_come_last_over_all_tiers_and_the_one_due_soonest_first() {
    let mut world = World::with("c1/m1 c2/m1 c3/m1", |_, params| params.rounds = 0);
    world.tells(
        "timeout(60s) ok => c1/m1 c2/m1 | served
         pin=c2 timeout(30s) => c2/m1 | timeout 30s
         ok => c3/m1 | served
         pin=c3 timeout(90s) => c3/m1 | timeout 90s
         timeout(30s) ok => c2/m1 c1/m1 | served",
    );
}

#[test]
fn s063_a_path_whose_limit_is_over_still_comes_last_while_it_fails_in_passing() {
    let mut world = World::with("c1/m1 c2/m1", |declared, _| {
        declared.routes.push(Route { strategy: Some(Strategy::FillFirst), ..route("up/m1") });
    });
    world.tells(
        "rate_limited ok => c1/m1 c2/m1 | served
         +5s
         server_error(30s) ok => c1/m1 c2/m1 | served
         ok => c2/m1 | served
         +29s
         ok => c2/m1 | served
         count ok => c2/m1 | served
         +1s
         ok => c1/m1 | served",
    );
    check(
        "c1/m1 c2/m1",
        "later=talk ok => c1/m1 | served
         later=talk rate_limited ok => c1/m1 c2/m1 | served
         +5s
         later=talk server_error(30s) ok => c1/m1 c2/m1 | served
         later=talk ok => c2/m1 | served
         +30s
         later=talk ok => c1/m1 | served",
    );
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    world.tells(
        "rate_limited => c1/m1 | rate_limited 5s
         +5s
         server_error(30s) => c1/m1 | server_error 30s
         ok => c1/m1 | served",
    );
}

#[test]
fn s064_a_dead_key_is_not_tried_with_another_model() {
    for class in ["auth_failed", "billing", "permission"] {
        check(
            "c1/m1 c1/m2",
            &format!(
                "{class} => c1/m1 | {class} 1800s
                 of=up/m2 => | suspended {class} 1800s"
            ),
        );
    }
}

#[test]
fn s065_a_quota_blocks_what_shares_its_window_and_nothing_else() {
    let mut world = World::new("c1/m1 c1/m2 c2/m1");
    world.tells(
        "quota_exhausted(2h) ok => c1/m1 c1/m2 | served
         of=up/m2 ok => c1/m2 | served
         pin=c1 quota_exhausted@credential(2h) => c1/m2 | quota_exhausted 7200s
         of=up/m2 => | suspended quota_exhausted 7200s
         of=up/m1 ok => c2/m1 | served",
    );
}

#[test]
fn s066_deadlines_of_credential_and_model_do_not_leak_into_each_other() {
    let mut world = World::new("c1/m1 c1/m2");
    let (mut narrow, mut wide) = (world.begin("of=up/m1").0, world.begin("of=up/m2").0);
    assert_eq!((world.advance(&mut narrow), world.advance(&mut wide)), (None, None));
    world.answer(&mut narrow, "quota_exhausted(5h)");
    world.answer(&mut wide, "quota_exhausted@credential(2h)");
    assert_eq!(world.suspended(), ["c1/m1 quota_exhausted 18000s", "c1 quota_exhausted 7200s"]);
}

#[test]
fn s067_a_sibling_models_older_success_leaves_the_credentials_block() {
    let mut world = World::new("c1/m1 c1/m2");
    let (mut sibling, mut fails) = (world.begin("of=up/m2").0, world.begin("of=up/m1").0);
    assert_eq!((world.advance(&mut sibling), world.advance(&mut fails)), (None, None));
    world.now = world.now + Duration::from_secs(1);
    world.answer(&mut fails, "auth_failed");
    world.now = world.now + Duration::from_secs(1);
    world.answer(&mut sibling, "ok");
    assert_eq!(world.suspended(), ["c1 auth_failed 1799s"]);
}

#[test]
fn a_changed_secret_lifts_only_what_was_said_about_the_old_one() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("rate_limited(60s) auth_failed => c1/m1 c1/m2 | rate_limited 1800s");
    world.store.renewed(&CredentialId::from("c1"));
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 60s"]);
    assert_eq!(world.store.find(&ScopeKey::Credential("c1".into()), ErrorClass::AuthFailed), None);
    let limited = ScopeKey::Candidate(Candidate { credential: "c1".into(), model: "m1".into() });
    let found = world.store.find(&limited, ErrorClass::RateLimited);
    assert_eq!(found.map(|entry| entry.class), Some(ErrorClass::RateLimited));
}
