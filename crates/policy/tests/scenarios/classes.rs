//! Scenarios 1 to 27 as far as they follow from a class; reading the class is the classifier's.

use standin_core::{Layer, Scope, UpstreamError};

use crate::transcript::{World, check, failure};

#[test]
fn s001_a_callers_fault_is_one_attempt_and_suspends_nothing() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells(
        "invalid_request => c1/m1 | invalid_request
         ok => c2/m1 | served
         ok => c1/m1 | served",
    );
    assert!(world.suspended().is_empty());
}

#[test]
fn s002_an_unsupported_model_falls_to_another_credential_and_suspends_the_candidate() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("model_unsupported ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 model_unsupported 43200s"]);
}

#[test]
fn s006_a_rejected_key_is_out_for_all_its_models() {
    check(
        "c1/m1 c1/m2 c2/m1",
        "auth_failed ok => c1/m1 c2/m1 | served
         of=up/m2 => | suspended auth_failed 1800s
         ok => c2/m1 | served",
    );
}

#[test]
fn s008_a_forbidden_location_goes_to_the_next_credential() {
    check("c1/m1 c1/m2 c2/m1", "permission ok => c1/m1 c2/m1 | served");
}

#[test]
fn s009_arrears_block_the_credential_like_a_402() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("billing ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1 billing 1800s"]);
}

#[test]
fn s012_a_prompt_that_does_not_fit_is_one_call_and_suspends_nothing() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells(
        "context_too_long => c1/m1 | context_too_long
         content_policy => c2/m1 | content_policy",
    );
    assert!(world.suspended().is_empty());
}

#[test]
fn s012_a_target_with_a_larger_declared_context_is_tried_before_giving_up() {
    let mut world = World::with("c1/m1 c1/m2 c1/m3", |declared, _| {
        declared.models[0].context_tokens = Some(8_000);
        declared.models[1].context_tokens = Some(8_000);
        declared.models[2].context_tokens = Some(32_000);
    });
    world.tells(
        "context_too_long ok => c1/m1 c1/m3 | served
         context_too_long context_too_long => c1/m1 c1/m3 | context_too_long",
    );
}

#[test]
fn s013_a_request_too_large_for_one_upstream_is_tried_at_another_once() {
    let mut world = World::new("c1/m1 c2/m1 eu:c3/m1 us:c4/m1");
    world.tells("payload_too_large payload_too_large => c1/m1 c3/m1 | payload_too_large");
    assert!(world.suspended().is_empty());
}

#[test]
fn s014_a_transient_fault_blames_the_candidate_only() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("server_error ok => c1/m1 c1/m2 | served");
    assert_eq!(world.suspended(), ["c1/m1 server_error 1s"]);
}

#[test]
fn s015_the_same_words_of_two_credentials_are_the_requests_fault_and_cool_neither() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1");
    world.tells("server_error#77 server_error#77 => c1/m1 c2/m1 | server_error");
    assert!(world.suspended().is_empty());
    world.tells("server_error#77 server_error#78 ok => c3/m1 c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 server_error 1s", "c3/m1 server_error 1s"]);
}

#[test]
fn s015_the_same_words_of_one_credential_prove_nothing() {
    check("c1/m1 c1/m2 c1/m3", "server_error#77 server_error#77 ok => c1/m1 c1/m2 c1/m3 | served");
}

#[test]
fn two_credentials_that_fail_alike_are_the_requests_fault_only_where_words_of_a_5xx_say_something_unknown() {
    for (answer, layer, status, message, is_final) in [
        ("server_error#77", Layer::Status, 500, "", true),
        ("server_error#77", Layer::Generic, 500, "cannot unpack tool 7", true),
        ("server_error#77", Layer::Generic, 500, "Internal server error, retry", false),
        ("server_error#77", Layer::Wording, 500, "cannot unpack tool 7", false),
        ("server_error#0", Layer::Status, 500, "", false),
        ("server_error#77", Layer::Status, 200, "", false),
        ("overloaded#77", Layer::Status, 503, "", false),
        ("rate_limited#77", Layer::Status, 429, "", false),
    ] {
        let mut world = World::new("c1/m1 c2/m1 c3/m1");
        let (mut flight, _) = world.begin("");
        for _ in 0..2 {
            assert_eq!(world.advance(&mut flight), None, "{answer} {message}: {}", flight.path);
            let mut failed = failure(answer);
            failed.verdict.layer = layer;
            failed.verdict.matched = "server_error".to_owned();
            failed.verdict.error.status = status;
            failed.verdict.error.message = message.to_owned();
            world.fail(&mut flight, failed);
        }
        let ending = world.advance(&mut flight);
        assert_eq!(ending.is_some(), is_final, "{answer} {status} {layer:?} {message}: {}", flight.path);
    }
}

#[test]
fn s016_foreign_state_goes_to_its_owner_or_nowhere() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1");
    world.tells(
        "state_mismatch => c1/m1 | state_mismatch
         owner=c1 ok => c1/m1 | served
         pin=c1 rate_limited(60s) => c1/m1 | rate_limited 60s
         owner=c1 state_mismatch => c2/m1 | state_mismatch
         owner=c3 state_mismatch => c3/m1 | state_mismatch",
    );
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 60s"]);
}

#[test]
fn s016_the_home_of_a_conversation_owns_its_state() {
    let told = "later=talk ok => c1/m1 | served
                pin=c1 timeout(30s) => c1/m1 | timeout 30s
                later=talk state_mismatch ok => c2/m1 c1/m1 | served";
    check("c1/m1 c2/m1 c3/m1", told);
    check(
        "c1/m1 c2/m1 c3/m1",
        "later=talk ok => c1/m1 | served
         later=talk state_mismatch => c1/m1 | state_mismatch
         pin=c1 rate_limited(60s) => c1/m1 | rate_limited 60s
         later=talk state_mismatch => c2/m1 | state_mismatch",
    );
}

#[test]
fn s016_state_that_a_fallback_left_behind_is_no_fault_of_the_caller() {
    check(
        "c1/m1 c2/m1",
        "later=talk ok => c1/m1 | served
         later=talk server_error state_mismatch => c1/m1 c2/m1 | server_error 1s",
    );
}

#[test]
fn s017_a_route_that_does_not_exist_is_out_for_minutes_and_longer_only_on_repetition() {
    let mut world = World::new("c1/m1 c2/m1 eu:c3/m1");
    world.tells("endpoint_misconfigured ok => c1/m1 c3/m1 | served");
    assert_eq!(world.suspended(), ["messages at up endpoint_misconfigured 60s"]);
    world.tells(
        "+60s
         pin=c1 endpoint_misconfigured => c1/m1 | endpoint_misconfigured 240s
         count pin=c1 ok => c1/m1 | served",
    );
}

#[test]
fn s018_a_named_model_is_out_for_long_and_a_mere_hint_for_a_minute() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1");
    world.tells("model_unsupported model_unsupported? ok => c1/m1 c2/m1 c3/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 model_unsupported 43200s", "c2/m1 model_unsupported 60s"]);
}

#[test]
fn s021_an_overloaded_provider_is_left_for_another_upstream_and_may_be_tried_again_in_a_later_round() {
    check("c1/m1 c2/m1 eu:c3/m1", "overloaded ok => c1/m1 c3/m1 | served");
    check("c1/m1", "overloaded ok => c1/m1 ~1s c1/m1 | served");
}

#[test]
fn s021_a_second_credential_refused_for_capacity_blames_the_model_and_never_a_credential() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1 c3/m2");
    world.tells("overloaded@credential ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 overloaded 1s"]);
    let (mut flight, _) = world.begin("pin=c2");
    assert_eq!(world.advance(&mut flight), None);
    world.answer(&mut flight, "overloaded");
    assert_eq!(world.suspended(), ["c1/m1 overloaded 1s", "c2/m1 overloaded 1s", "m1 at up overloaded 1s"]);
}

#[test]
fn s021_the_same_credential_twice_and_another_one_after_the_window_are_no_second_credential() {
    let mut world = World::new("c1/m1 c2/m1");
    let mut flights = [world.begin("pin=c1").0, world.begin("pin=c1").0];
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    flights.iter_mut().for_each(|flight| world.answer(flight, "overloaded"));
    assert_eq!(world.suspended(), ["c1/m1 overloaded 1s"]);
    let (mut late, _) = world.begin("pin=c2");
    assert_eq!(world.advance(&mut late), None);
    world.now = world.now + std::time::Duration::from_secs(1);
    world.answer(&mut late, "overloaded");
    assert_eq!(world.suspended(), ["c2/m1 overloaded 1s"]);
}

#[test]
fn s022_a_suspended_account_is_out_as_a_whole_and_the_operator_sees_why() {
    let mut world = World::new("c1/m1 c1/m2 c2/m1");
    world.tells("permission ok => c1/m1 c2/m1 | served");
    let shown = &world.store.list(world.now)[0];
    assert_eq!(
        (shown.key.scope(), shown.suspension.evidence.as_str()),
        (Scope::Credential, "permission happened")
    );
    assert_eq!((&*shown.suspension.rule, shown.suspension.status), ("test/rule", 400));
}

#[test]
fn s023_an_unpaid_account_is_out_for_long_and_not_for_a_second() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("billing => c1/m1 | billing 1800s");
    assert_eq!(world.suspended(), ["c1 billing 1800s"]);
}

#[test]
fn s024_a_missing_capability_suspends_nothing_and_asks_another_model() {
    let mut world = World::new("c1/m1 c2/m1 c2/m2");
    world.tells(
        "capability_mismatch ok => c1/m1 c2/m2 | served
         ok => c1/m1 | served",
    );
    assert!(world.suspended().is_empty());
}

#[test]
fn s026_an_operators_rule_can_stop_the_request_and_decides_about_suspending() {
    let mut world = World::new("c1/m1 c2/m1");
    let mut stops = failure("rate_limited");
    stops.verdict.stop = true;
    stops.verdict.suspend = Some(false);
    stops.verdict.error = UpstreamError { status: 429, ..UpstreamError::default() };
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.fail(&mut flight, stops);
    let ending = world.advance(&mut flight).unwrap();
    assert!(format!("{ending:?}").contains("RateLimited"), "{ending:?}");
    assert!(world.suspended().is_empty());
}
