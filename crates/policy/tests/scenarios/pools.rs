//! Scenarios 28 to 44: one alias, several upstream models.

use standin_core::Moment;
use standin_policy::{Model, Routing, RoutingError};

use crate::transcript::{World, check, declarations};

#[test]
fn s028_pool_members_rotate_over_successful_calls() {
    check(
        "c1/m1 c1/m2",
        "ok => c1/m1 | served
         ok => c1/m2 | served
         ok => c1/m1 | served",
    );
}

#[test]
fn s029_the_next_member_of_the_same_credential_comes_before_another_credential() {
    for class in ["model_unsupported", "rate_limited", "server_error", "quota_exhausted", "timeout"] {
        check("c1/m1 c1/m2 c2/m1", &format!("{class} ok => c1/m1 c1/m2 | served"));
    }
}

#[test]
fn s029_blame_on_the_credential_goes_to_another_credential_at_once() {
    for class in ["auth_failed", "billing", "permission", "quota_exhausted@credential"] {
        check("c1/m1 c1/m2 c2/m1", &format!("{class} ok => c1/m1 c2/m1 | served"));
    }
}

#[test]
fn s030_a_suspended_member_is_not_called_until_its_probe_and_another_members_success_does_not_clear_it() {
    check(
        "c1/m1 c1/m2",
        "model_unsupported ok => c1/m1 c1/m2 | served
         ok => c1/m2 | served
         ok => c1/m2 | served
         +59m
         ok => c1/m2 | served
         +1m
         model_unsupported ok => c1/m1 c1/m2 | served
         ok => c1/m2 | served",
    );
}

#[test]
fn s031_state_is_keyed_by_credential_and_concrete_model_whatever_name_was_used() {
    check(
        "c1/m1 c1/m2 c2/m1",
        "model_unsupported ok => c1/m1 c1/m2 | served
         of=up/m1 ok => c2/m1 | served
         of=up/m1 pin=c1 => | suspended model_unsupported 43200s
         of=up/m1 pin=c2 ok => c2/m1 | served",
    );
}

#[test]
fn s032_a_blocked_pool_burns_no_budget_before_a_healthy_credential() {
    let mut world = World::with("c1/m1 c1/m2 c2/m1 c2/m2", |_, params| params.credentials_max = 1);
    world.tells(
        "pin=c1 model_unsupported model_unsupported => c1/m1 c1/m2 | model_unsupported 43200s
         ok => c2/m1 | served",
    );
}

#[test]
fn s033_a_pool_that_cools_shortly_is_waited_for_and_its_wait_is_the_minimum_over_its_members() {
    check("c1/m1 c1/m2", "rate_limited(9s) rate_limited(4s) ok => c1/m1 c1/m2 ~4s c1/m2 | served");
}

#[test]
fn s034_a_pool_that_cools_for_longer_than_a_request_waits_answers_with_the_minimum() {
    check("c1/m1 c1/m2", "rate_limited(90s) rate_limited(60s) => c1/m1 c1/m2 | rate_limited 60s");
}

#[test]
fn s035_a_new_request_on_a_fully_cooling_pool_is_refused_at_once_with_the_earliest_deadline() {
    check(
        "c1/m1 c1/m2",
        "rate_limited(90s) rate_limited(60s) => c1/m1 c1/m2 | rate_limited 60s
         +10s
         => | suspended rate_limited 50s",
    );
}

#[test]
fn s036_a_blocked_member_does_not_skew_the_others() {
    let mut world = World::new("c1/m1 c1/m2 c1/m3");
    world.tells("of=up/m1 model_unsupported => c1/m1 | model_unsupported 43200s");
    let mut calls = std::collections::HashMap::new();
    for _ in 0..300 {
        *calls.entry(world.tell("ok")).or_insert(0) += 1;
    }
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls.values().all(|count| (149..=151).contains(count)), "{calls:?}");
}

#[test]
fn s037_counting_before_each_call_does_not_disturb_the_rotation_of_members() {
    let mut world = World::new("c1/m1 c1/m2");
    for turn in 0..100 {
        assert!(world.tell("count ok").ends_with("| served"));
        let expected = if turn % 2 == 0 { "c1/m1 | served" } else { "c1/m2 | served" };
        assert_eq!(world.tell("ok"), expected, "turn {turn}");
    }
}

#[test]
fn s038_counting_before_each_call_does_not_disturb_the_rotation_of_credentials() {
    let mut world = World::new("c1/m1 c2/m1");
    for turn in 0..100 {
        assert!(world.tell("count ok").ends_with("| served"));
        let expected = if turn % 2 == 0 { "c1/m1 | served" } else { "c2/m1 | served" };
        assert_eq!(world.tell("ok"), expected, "turn {turn}");
    }
}

#[test]
fn s039_a_pool_with_duplicate_or_empty_names_is_refused() {
    let mut twice = declarations("c1/m1");
    twice.models[0].aliases.push("P".into());
    let said = Routing::build(&twice).unwrap_err();
    assert!(matches!(&said, RoutingError::DuplicateMember { alias, .. } if alias.as_str() == "P"), "{said}");

    let mut empty = declarations("c1/m1");
    empty.models.push(Model::new("up", " "));
    assert_eq!(Routing::build(&empty).unwrap_err(), RoutingError::EmptyName("model"));

    let mut nameless = declarations("c1/m1");
    nameless.models[0].aliases.push("".into());
    assert_eq!(Routing::build(&nameless).unwrap_err(), RoutingError::EmptyName("alias"));
}

#[test]
fn s042_suspensions_of_members_survive_a_reload() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("model_unsupported ok => c1/m1 c1/m2 | served");
    world.reload(|declared, _| declared.models.insert(0, Model::new("up", "m0")));
    world.tells(
        "ok => c1/m2 | served
         ok => c1/m2 | served",
    );
}

#[test]
fn s043_a_removed_member_takes_its_state_and_its_rotation_with_it() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("model_unsupported ok => c1/m1 c1/m2 | served");
    world.reload(|declared, _| {
        declared.models.remove(0);
        declared.credentials[0].models = None;
    });
    assert!(world.store.export().is_empty());
    world.reload(|declared, _| {
        declared.models.insert(0, Model { aliases: vec!["P".into()], ..Model::new("up", "m1") });
    });
    world.tells(
        "ok => c1/m1 | served
         ok => c1/m2 | served",
    );
}

#[test]
fn s044_pools_span_upstreams_of_any_kind() {
    check(
        "c1/m1 eu:c2/m9",
        "model_unsupported ok => c1/m1 c2/m9 | served
         ok => c2/m9 | served",
    );
}

#[test]
fn a_failed_member_counts_its_window_from_the_failure_and_not_from_the_start() {
    let mut world = World::new("c1/m1");
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    let failed_at = world.now + std::time::Duration::from_secs(30);
    world.now = failed_at;
    world.answer(&mut flight, "rate_limited(60s)");
    let entry = &world.store.list(world.now)[0].suspension;
    assert_eq!((entry.since, entry.until), (failed_at, failed_at + std::time::Duration::from_secs(60)));
    assert!(entry.since > Moment::ZERO);
}
