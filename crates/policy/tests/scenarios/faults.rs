//! What the catalogue of faults (`docs/faults.md`) asks of decisions alone; a test's name carries its id.

use std::{collections::HashMap, time::Duration};

use standin_policy::{Ending, Ready, Stop, UnknownFate, step};

use crate::transcript::{Flight, World, check};

/// The only entry that is remembered.
fn entry(world: &World) -> standin_core::Suspension {
    let entries = world.store.export();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries[0].suspension.clone()
}

/// Plays one request that every upstream answers with the same words, and says how often they were asked and why it
/// ended.
fn exhaust(world: &mut World, words: &str, answer: impl Fn(u32) -> String) -> (u32, Stop) {
    let (mut flight, _) = world.begin(words);
    let mut attempts = 0;
    loop {
        match world.advance(&mut flight) {
            None => {
                attempts += 1;
                world.answer(&mut flight, &answer(attempts));
            }
            Some(Ending::Failed(report)) => {
                assert_eq!(report.attempts, attempts);
                return (attempts, report.stop);
            }
            Some(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn b4_a_forbidden_account_is_out_with_all_its_models_and_others_are_tried() {
    let mut world = World::new("c1/m1 c1/m2 c2/m1");
    world.tells("permission ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1 permission 1800s"]);
    world.tells("of=up/m2 => | suspended permission 1800s");
    // A model that is forbidden takes only itself along.
    let mut world = World::new("c1/m1 c1/m2 c2/m1");
    world.tells("permission@candidate ok => c1/m1 c1/m2 | served");
    assert_eq!(world.suspended(), ["c1/m1 permission 1800s"]);
}

#[test]
fn b5_a_hint_of_ten_years_is_capped_for_a_rate_and_probed_for_a_quota() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("rate_limited(3650d) ok => c1/m1 c2/m1 | served");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 600s"]);

    let mut world = World::new("c1/m1 c2/m1");
    world.tells("quota_exhausted(3650d) ok => c1/m1 c2/m1 | served");
    let seen = entry(&world);
    assert_eq!(seen.probe_at, world.now + Duration::from_secs(600), "the first look comes after ten minutes");
    let month = Duration::from_secs(31 * 24 * 3600);
    for distance in [20, 40, 60, 60] {
        world.now = entry(&world).probe_at;
        let told = world.tell("pin=c1 quota_exhausted(3650d)");
        assert_eq!(
            told,
            format!("c1/m1 | quota_exhausted {}s", month.as_secs()),
            "no hint is believed further"
        );
        assert_eq!(entry(&world).probe_at, world.now + Duration::from_secs(distance * 60), "{distance} min");
    }
}

#[test]
fn b5_without_a_hint_the_ladder_decides_and_ends_at_its_cap() {
    let mut world = World::with("c1/m1", |_, params| params.rounds = 0);
    for seconds in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
        world.tells(&format!("rate_limited => c1/m1 | rate_limited {seconds}s"));
        world.now = world.now + Duration::from_secs(seconds);
    }
}

#[test]
fn b6_a_limit_of_one_model_leaves_its_siblings_and_a_limit_of_the_account_does_not() {
    check(
        "c1/m1 c1/m2 c2/m1",
        "of=up/m1 rate_limited(60s) ok => c1/m1 c2/m1 | served
         of=up/m2 ok => c1/m2 | served",
    );
    check(
        "c1/m1 c1/m2 c2/m1",
        "of=up/m1 rate_limited@credential(60s) ok => c1/m1 c2/m1 | served
         of=up/m2 => | suspended rate_limited 60s",
    );
}

#[test]
fn b7_a_fault_of_unknown_fate_is_repeated_elsewhere_only_as_the_operator_wants() {
    for class in ["timeout", "connect", "cut_short"] {
        let mut world = World::new("c1/m1 c2/m1 c3/m1 c4/m1");
        let (mut flight, _) = world.begin("");
        for (answer, duplicates) in [("rate_limited", 0), (class, 0), (class, 1), ("ok", 2)] {
            assert_eq!(world.advance(&mut flight), None);
            world.answer(&mut flight, answer);
            assert_eq!(flight.run.possible_duplicates(), duplicates, "{class}, {answer}");
        }
        let mut world = World::with("c1/m1 c2/m1", |_, params| params.on_unknown_fate = UnknownFate::Stop);
        assert_eq!(exhaust(&mut world, "", |_| class.to_owned()), (1, Stop::UnknownFate), "{class}");
    }
}

#[test]
fn b7_each_class_of_outage_rests_for_its_own_time() {
    for (answer, wanted) in [
        ("server_error", "c1/m1 server_error 1s"),
        ("overloaded", "c1/m1 overloaded 1s"),
        ("overloaded(20s)", "c1/m1 overloaded 20s"),
        ("timeout", "c1/m1 timeout 1s"),
        ("malformed", "c1/m1 malformed 1s"),
    ] {
        let mut world = World::new("c1/m1 c2/m1");
        world.tells(&format!("{answer} ok => c1/m1 c2/m1 | served"));
        assert_eq!(world.suspended(), [wanted]);
    }
}

#[test]
fn b12_a_fully_suspended_route_is_refused_at_once_with_the_earliest_deadline_and_looked_at_once_a_minute() {
    check(
        "c1/m1 c2/m1",
        "quota_exhausted(3h) quota_exhausted(2h) => c1/m1 c2/m1 | quota_exhausted 7200s
         => | suspended quota_exhausted 7200s
         +61s
         quota_exhausted(3h) quota_exhausted(2h) => c1/m1 c2/m1 | quota_exhausted 7200s
         +61s
         ok => c1/m1 | served",
    );
}

#[test]
fn b13_a_pool_that_is_fully_blocked_on_one_credential_costs_no_attempt_before_a_healthy_one() {
    let mut world = World::with("c1/m1 c1/m2 c1/m3 c2/m1", |_, params| {
        params.credentials_max = 1;
        params.attempts_max = 1;
    });
    for member in ["m1", "m2", "m3"] {
        world.tells(&format!(
            "of=up/{member} pin=c1 model_unsupported => c1/{member} | model_unsupported 43200s"
        ));
    }
    (0..5).for_each(|_| _ = world.tells("ok => c2/m1 | served"));
}

#[test]
fn b14_a_local_count_heals_nothing_and_a_real_success_only_its_own_path() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("quota_exhausted(2h) quota_exhausted(3h) => c1/m1 c2/m1 | quota_exhausted 7200s");
    let before = world.suspended();
    world.tells("count local => c1/m1 | served");
    assert_eq!(world.suspended(), before);
    world.tells(
        "+61s
         ok => c1/m1 | served",
    );
    assert_eq!(world.suspended(), ["c2/m1 quota_exhausted 10739s"]);
}

#[test]
fn b15_failing_again_while_it_is_out_never_moves_the_end_closer() {
    let mut world = World::new("c1/m1");
    let mut flights: Vec<Flight> = (0..2).map(|_| world.begin("").0).collect();
    flights.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    world.answer(&mut flights[0], "rate_limited(300s)");
    world.now = world.now + Duration::from_secs(1);
    world.answer(&mut flights[1], "rate_limited(10s)");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 299s"]);
}

#[test]
fn b16_a_stand_in_that_fails_is_suspended_like_any_other() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1");
    world.tells(
        "auth_failed rate_limited(60s) ok => c1/m1 c2/m1 c3/m1 | served
         ok => c3/m1 | served",
    );
    assert_eq!(world.suspended(), ["c2/m1 rate_limited 60s", "c1 auth_failed 1800s"]);
}

#[test]
fn b17_each_bound_ends_the_request_and_says_that_it_was_this_one() {
    let pool: Vec<String> = (0..20).map(|at| format!("c{at:02}/m1")).collect();
    let pool = pool.join(" ");
    let soft = |attempt: u32| format!("server_error#{attempt}");
    let dead = |_| "auth_failed".to_owned();
    assert_eq!(exhaust(&mut World::new(&pool), "", dead), (16, Stop::AttemptsSpent));
    assert_eq!(exhaust(&mut World::new(&pool), "", soft), (5, Stop::SoftRetriesSpent));
    let mut poor = World::with(&pool, |_, params| params.retry_budget_burst = 2);
    assert_eq!(exhaust(&mut poor, "", soft), (3, Stop::BudgetSpent));
    let mut few = World::with("c1/m1 c2/m1", |_, params| params.rounds = 0);
    assert_eq!(exhaust(&mut few, "", dead), (2, Stop::Exhausted));

    let mut late = World::new(&pool);
    let (mut flight, _) = late.begin("by=5s");
    assert_eq!(late.advance(&mut flight), None);
    late.now = late.now + Duration::from_secs(5);
    late.answer(&mut flight, "gone");
    assert!(
        matches!(late.advance(&mut flight), Some(Ending::Failed(report)) if report.stop == Stop::Deadline)
    );
}

#[test]
fn b18_a_quota_that_comes_back_early_serves_again_within_one_probe() {
    let mut world = World::new("c1/m1");
    world.tells("quota_exhausted(5d) => c1/m1 | quota_exhausted 432000s");
    let out_since = world.now;
    // Somebody asks every ten seconds; the quota really ended after a minute.
    let mut asked = 0;
    let back = loop {
        world.now = world.now + Duration::from_secs(10);
        let (mut flight, _) = world.begin("");
        if world.advance(&mut flight).is_none() {
            asked += 1;
            let is_back = world.now.since(out_since) > Duration::from_secs(60);
            world.answer(&mut flight, if is_back { "ok" } else { "quota_exhausted(5d)" });
            if is_back {
                break world.now.since(out_since);
            }
        }
    };
    assert!(back <= Duration::from_secs(600), "latched for {back:?} after {asked} looks");
    assert!(world.suspended().is_empty());
}

#[test]
fn n3_a_thousand_requests_at_the_instant_of_a_suspension_waste_only_what_was_in_the_air_and_one_probes() {
    let mut world = World::with("c1/m1", |_, params| params.wait_max = Duration::ZERO);
    let mut flights: Vec<Flight> = (0..1000).map(|_| world.begin("").0).collect();
    let in_the_air: Vec<_> = flights.iter_mut().take(100).collect();
    let mut in_the_air: Vec<&mut Flight> = in_the_air.into_iter().collect();
    in_the_air.iter_mut().for_each(|flight| assert_eq!(world.advance(flight), None));
    world.answer(in_the_air[0], "quota_exhausted(2h)");
    let refused = flights.iter_mut().skip(100).filter_map(|flight| world.advance(flight)).count();
    assert_eq!(refused, 900, "nobody else goes where it is known to fail");
    flights.iter_mut().take(100).skip(1).for_each(|flight| world.answer(flight, "quota_exhausted(2h)"));
    assert_eq!(entry(&world).strikes, 1);

    world.now = entry(&world).probe_at;
    let now = world.now;
    let mut herd: Vec<Flight> = (0..1000).map(|_| world.begin("").0).collect();
    let mut held = Vec::new();
    for flight in &mut herd {
        if let Ready::Attempt(_, admission) = step(&mut flight.run, world.session(), now) {
            held.push(admission);
        }
    }
    assert_eq!(held.len(), 1, "exactly one looks whether it is back");
}

#[test]
fn n4_a_million_picks_are_fair_and_one_that_flaps_is_not_starved() {
    const PICKS: usize = 1_000_000;
    /// Requests from one flap to the next: 200 s at a hundred per second.
    const PHASE: usize = 20_000;
    let mut world = World::new("c1/m1 c2/m1 c3/m1 c4/m1 c5/m1");
    let mut healthy: HashMap<String, u32> = HashMap::new();
    let mut flapping = [0_u32; PICKS / PHASE];
    for at in 0..PICKS {
        let (mut flight, _) = world.begin("");
        assert_eq!(world.advance(&mut flight), None);
        let first = flight.path.trim_end_matches("/m1 ").to_owned();
        let phase = at / PHASE;
        if first == "c5" {
            flapping[phase] += 1;
        } else {
            *healthy.entry(first.clone()).or_default() += 1;
        }
        if first == "c5" && phase % 2 == 1 {
            world.answer(&mut flight, "rate_limited(1s)");
            assert_eq!(world.advance(&mut flight), None, "a stand-in serves");
        }
        world.answer(&mut flight, "ok");
        if at % 10 == 0 {
            world.now = world.now + Duration::from_millis(100);
        }
    }
    let mean = healthy.values().sum::<u32>() / 4;
    let square = |count: &u32| (f64::from(*count) - f64::from(mean)).powi(2) / f64::from(mean);
    let chi: f64 = healthy.values().map(square).sum();
    // Chi squared with three degrees of freedom exceeds 16.27 once in a thousand.
    assert!(chi < 16.27, "chi squared {chi} of {healthy:?}");
    let (up, down): (Vec<u32>, Vec<u32>) = (
        flapping.iter().copied().step_by(2).collect(),
        flapping.iter().copied().skip(1).step_by(2).collect(),
    );
    let share = u32::try_from(PHASE / 5).unwrap();
    assert_eq!(up[0], share, "before it fails for the first time it has its fifth");
    assert!(up.iter().all(|picks| *picks > share / 2), "while it works it is not starved: {up:?}");
    assert!(down.iter().all(|picks| *picks < share / 100), "while it fails it is left alone: {down:?}");
}
