//! Scenarios 54 to 57: what a token count says of a path, and what it leaves alone.

use crate::transcript::{World, check};

#[test]
fn s054_a_local_count_changes_nothing() {
    let mut world = World::new("c1/m1");
    world.tells("rate_limited(60s) => c1/m1 | rate_limited 60s");
    let before = world.store.export();
    world.tells("count local => c1/m1 | served");
    assert_eq!(world.store.export(), before);
}

#[test]
fn s055_a_remote_count_changes_nothing_about_execution() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted(2h) => c1/m1 | quota_exhausted 7200s");
    let before = world.store.export();
    world.tells("count ok => c1/m1 | served");
    assert_eq!(world.store.export(), before);
}

#[test]
fn s056_a_missing_counting_route_is_neutral_for_execution() {
    for class in ["endpoint_misconfigured", "model_unsupported", "server_error"] {
        let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
        let told = world.tell(&format!("count {class}"));
        assert!(told.starts_with(&format!("c1/m1 | {class}")), "{told}");
        world.tells("ok => c1/m1 | served");
    }
}

#[test]
fn s057_a_rejected_key_is_rejected_for_execution_too_when_counting_says_so() {
    for class in ["auth_failed", "billing", "permission"] {
        let mut world = World::new("c1/m1 c2/m1");
        world.tells(&format!(
            "count {class} ok => c1/m1 c2/m1 | served
             ok => c2/m1 | served"
        ));
    }
}

#[test]
fn s057_a_rate_limit_while_counting_suspends_only_counting_there() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells(
        "count rate_limited(60s) ok => c1/m1 c2/m1 | served
         ok => c1/m1 | served
         ok => c2/m1 | served
         count ok => c2/m1 | served",
    );
    assert_eq!(world.suspended(), ["c1/m1 for count_tokens rate_limited 60s"]);
}

#[test]
fn s057_a_limit_of_the_whole_account_while_counting_suspends_only_counting_there() {
    for class in ["rate_limited", "quota_exhausted"] {
        let mut world = World::new("c1/m1 c2/m1");
        world.tells(&format!(
            "count {class}@credential(60s) ok => c1/m1 c2/m1 | served
             ok => c1/m1 | served"
        ));
        assert_eq!(world.suspended(), [format!("c1/m1 for count_tokens {class} 60s")]);
    }
}

#[test]
fn s057_counting_may_use_a_suspended_path_unless_its_key_is_rejected_or_unpaid() {
    for class in ["rate_limited(60s)", "model_unsupported", "quota_exhausted(2h)"] {
        let mut world = World::new("c1/m1");
        world.tells(&format!("count pin=c1 ok => c1/m1 | served\n {class} => c1/m1 | {}", told(class)));
        world.tells("count ok => c1/m1 | served");
    }
    for class in ["auth_failed", "billing"] {
        let mut world = World::new("c1/m1");
        world.tells(&format!("{class} => c1/m1 | {class} 1800s\n count => | suspended {class} 1800s"));
    }
}

#[test]
fn s057_a_count_takes_no_probe_of_a_rejected_key_from_the_requests_that_could_prove_it() {
    for class in ["auth_failed", "billing"] {
        check(
            "c1/m1 c2/m1",
            &format!(
                "{class} ok => c1/m1 c2/m1 | served
                 +30m
                 count ok => c2/m1 | served
                 ok => c1/m1 | served"
            ),
        );
        // With nothing else it is asked, and proves nothing.
        let mut world = World::new("c1/m1");
        world.tells(&format!(
            "{class} => c1/m1 | {class} 1800s
             +30m
             count ok => c1/m1 | served"
        ));
        assert_eq!(world.strikes(), 1);
        world.tells(&format!("count {class} => c1/m1 | {class} 3600s"));
        assert_eq!(world.strikes(), 2);
    }
}

#[test]
fn s057_counting_keeps_off_what_fails_right_now_and_off_nothing_else() {
    let story = |class: &str, told: &str, first: &str| {
        let mut world = World::new("c1/m1 c2/m1");
        world.tells(&format!(
            "pin=c1 {class} => c1/m1 | {told}
             ok => c2/m1 | served
             count ok => {first}/m1 | served
             +60s
             count ok => c1/m1 | served"
        ));
    };
    story("timeout(60s)", "timeout 60s", "c2");
    story("rate_limited(60s)", "rate_limited 60s", "c1");
    story("rate_limited(90s)", "rate_limited 90s", "c1");
}

fn told(class: &str) -> &str {
    match class {
        "rate_limited(60s)" => "rate_limited 60s",
        "model_unsupported" => "model_unsupported 43200s",
        _ => "quota_exhausted 7200s",
    }
}
