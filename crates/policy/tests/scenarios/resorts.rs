//! The last resort: whom a request may ask although everything is known to be out.

use std::time::Duration;

use crate::transcript::{World, check, failure};

#[test]
fn a_last_resort_is_one_call_of_a_credential_and_not_one_of_each_of_its_members() {
    check(
        "c1/m1 c1/m2",
        "quota_exhausted(5d) quota_exhausted(5d) => c1/m1 c1/m2 | quota_exhausted 432000s
         +30s
         quota_exhausted(5d) => c1/m1 | quota_exhausted 431970s
         => | suspended quota_exhausted 431970s",
    );
}

#[test]
fn a_last_resort_asks_only_whom_the_request_could_use() {
    check(
        "c1/m1 c2/m1",
        "pin=c1 quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s
         +1s
         pin=c2 quota_exhausted(5d) => c2/m1 | quota_exhausted 432000s
         +30s
         speaks=c2 ok => c2/m1 | served",
    );
}

#[test]
fn a_route_that_is_not_there_is_looked_at_as_rarely_as_a_credential() {
    check(
        "c1/m1",
        "endpoint_misconfigured => c1/m1 | endpoint_misconfigured 60s
         => | suspended endpoint_misconfigured 60s
         +30s
         ok => c1/m1 | served",
    );
}

#[test]
fn the_latest_look_at_any_scope_of_a_path_counts() {
    check(
        "c1/m1 c2/m1",
        "pin=c1 quota_exhausted@credential(5d) => c1/m1 | quota_exhausted 432000s
         +100s
         pin=c2 endpoint_misconfigured => c2/m1 | endpoint_misconfigured 60s
         => | suspended quota_exhausted 60s",
    );
}

#[test]
fn what_a_last_resort_has_just_seen_fail_is_not_asked_with_another_model() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells(
        "quota_exhausted(5d) quota_exhausted(5d) => c1/m1 c1/m2 | quota_exhausted 432000s
         +30s",
    );
    let (mut flight, _) = world.begin("");
    assert_eq!(world.advance(&mut flight), None);
    world.now = world.now + Duration::from_secs(40);
    let mut rejected = failure("auth_failed");
    rejected.verdict.suspend = Some(false);
    world.fail(&mut flight, rejected);
    assert!(world.advance(&mut flight).is_some(), "{}", flight.path);
}

#[test]
fn the_failure_that_suspends_a_path_counts_as_the_last_look_at_its_credential() {
    check(
        "c1/m1 c1/m2",
        "of=up/m2 quota_exhausted(5d) => c1/m2 | quota_exhausted 432000s
         +40s
         quota_exhausted(5d) => c1/m1 | quota_exhausted 431960s",
    );
    check(
        "c1/m1 c2/m1 c3/m1",
        "pin=c1 auth_failed => c1/m1 | auth_failed 1800s
         +10s
         pin=c3 auth_failed => c3/m1 | auth_failed 1800s
         +10s
         pin=c2 auth_failed => c2/m1 | auth_failed 1800s
         +31s
         ok => c1/m1 | served",
    );
}

#[test]
fn a_limit_of_counting_is_no_look_at_a_credential() {
    check(
        "c1/m1",
        "quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s
         +25s
         count rate_limited(60s) => c1/m1 | rate_limited 431975s
         +5s
         ok => c1/m1 | served",
    );
}
