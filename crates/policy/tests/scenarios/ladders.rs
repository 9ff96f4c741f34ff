//! The arithmetic of suspensions to the second and to the instant: what each class costs, strike by strike, and what
//! happens exactly when a deadline passes.

use std::time::Duration;

use standin_core::{Candidate, Certainty, ErrorClass, Moment, ScopeKey, Suspension};
use standin_policy::{Observation, Params, forgotten_at, merge, observe, sentence};
use standin_store::Shown;

use crate::transcript::{World, failure};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Seconds out and seconds to the probe, strike by strike.
fn climbs(class: ErrorClass, certainty: Certainty, hint: Option<Duration>) -> [(u64, u64); 10] {
    std::array::from_fn(|at| {
        let strikes = u32::try_from(at).unwrap() + 1;
        let told = sentence(class, certainty, hint, strikes, Params::default().probe_max);
        (told.length.as_secs(), told.probe_after.as_secs())
    })
}

fn lengths(class: ErrorClass, certainty: Certainty) -> [u64; 10] {
    climbs(class, certainty, None).map(|(length, _)| length)
}

fn probes(class: ErrorClass, hint: u64) -> [u64; 10] {
    climbs(class, Certainty::Firm, Some(Duration::from_secs(hint))).map(|(_, probe)| probe)
}

#[test]
fn each_class_climbs_its_own_ladder_and_stops_at_its_own_end() {
    use ErrorClass as C;
    let firm = |class| lengths(class, Certainty::Firm);
    assert_eq!(firm(C::ModelUnsupported), [12 * HOUR; 10]);
    let by_four = [60, 240, 960, HOUR, HOUR, HOUR, HOUR, HOUR, HOUR, HOUR];
    assert_eq!(lengths(C::ModelUnsupported, Certainty::Hint), by_four);
    assert_eq!(firm(C::EndpointMisconfigured), by_four);
    let day = [1800, 3600, 7200, 14_400, 28_800, 57_600, DAY, DAY, DAY, DAY];
    assert_eq!(firm(C::AuthFailed), day);
    for class in [C::Permission, C::Billing] {
        let most = 6 * HOUR;
        assert_eq!(firm(class), [1800, 3600, 7200, 14_400, most, most, most, most, most, most], "{class}");
    }
    let quota = [300, 600, 1200, 2400, 4800, 9600, 19_200, 6 * HOUR, 6 * HOUR, 6 * HOUR];
    assert_eq!(firm(C::QuotaExhausted), quota);
    assert_eq!(firm(C::RateLimited), [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
    for class in [C::Overloaded, C::ServerError, C::Timeout, C::Connect, C::Malformed] {
        assert_eq!(firm(class), [1, 2, 4, 8, 16, 32, 60, 60, 60, 60], "{class}");
    }
}

#[test]
fn the_ladder_has_no_strike_at_which_it_begins_anew() {
    for class in [ErrorClass::AuthFailed, ErrorClass::EndpointMisconfigured, ErrorClass::QuotaExhausted] {
        let high = [33, 1000, u32::MAX]
            .map(|strikes| sentence(class, Certainty::Firm, None, strikes, Duration::MAX).length);
        assert_eq!(high, [high[0]; 3], "{class}");
        assert!(high[0] >= Duration::from_secs(HOUR), "{class}");
    }
}

#[test]
fn a_hint_is_believed_as_far_as_its_class_can_last() {
    let believed = |class, hint| climbs(class, Certainty::Firm, Some(Duration::from_secs(hint)))[0].0;
    assert_eq!([0, 90, 600, 601].map(|hint| believed(ErrorClass::RateLimited, hint)), [1, 90, 600, 600]);
    assert_eq!([0, 90, 600, 601].map(|hint| believed(ErrorClass::Overloaded, hint)), [1, 90, 600, 600]);
    let quota = [0, 40 * DAY, 31 * DAY, 30 * DAY].map(|hint| believed(ErrorClass::QuotaExhausted, hint));
    assert_eq!(quota, [1, 31 * DAY, 31 * DAY, 30 * DAY]);
    assert_eq!(believed(ErrorClass::AuthFailed, 90), 1800, "a rejected key knows no hint");
}

#[test]
fn a_path_is_probed_as_often_as_its_class_can_bear() {
    assert_eq!(
        probes(ErrorClass::QuotaExhausted, 30 * DAY)[..5],
        [600, 1200, 2400, HOUR, HOUR],
        "a quota that may come back early is looked at more and more rarely"
    );
    assert_eq!(probes(ErrorClass::QuotaExhausted, 60)[0], 60, "no probe is later than the end");
    let of = |class| climbs(class, Certainty::Firm, None).map(|(_, probe)| probe);
    let strict = [1800, 3600, 7200, 14_400, 6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR, 6 * HOUR];
    assert_eq!(of(ErrorClass::AuthFailed), strict);
    assert_eq!(of(ErrorClass::Billing), strict);
    assert_eq!(of(ErrorClass::Permission)[..3], [1800, HOUR, HOUR]);
    assert_eq!(of(ErrorClass::ModelUnsupported), [HOUR; 10]);
}

/// A failure whose attempt began and ended in these seconds, of the class that starts at five of them.
fn seen(started: u64, at: u64) -> Observation {
    Observation {
        at: Moment::from_secs(at),
        started: Moment::from_secs(started),
        is_early: false,
        class: ErrorClass::RateLimited,
        certainty: Certainty::Firm,
        hint: None,
        rule: "test/rule".into(),
        status: 429,
        evidence: String::new(),
    }
}

fn then(old: &Suspension, next: &Observation) -> Suspension {
    observe(Some(old), next, Params::default().probe_max)
}

fn first() -> Suspension {
    observe(None, &seen(999, 1000), Params::default().probe_max)
}

#[test]
fn a_ladder_is_remembered_as_long_as_its_window_but_ten_minutes_at_least_and_a_day_at_most() {
    let remembered = |length: u64| {
        let until = Moment::from_secs(1000 + length);
        forgotten_at(&Suspension { until, ..first() }).since(until).as_secs()
    };
    assert_eq!(
        [5, 600, 601, HOUR, DAY, DAY + 1, 31 * DAY].map(remembered),
        [600, 600, 601, HOUR, DAY, DAY, DAY]
    );
}

#[test]
fn at_the_instant_at_which_a_ladder_is_forgotten_a_failure_is_the_first_again() {
    let old = first();
    let over = 1000 + 5 + 600;
    assert_eq!(then(&old, &seen(over - 1, over - 1)).strikes, 2);
    let anew = then(&old, &seen(over, over));
    assert_eq!((anew.strikes, anew.until), (1, Moment::from_secs(over + 5)));
}

#[test]
fn only_an_attempt_that_began_after_the_last_failure_is_a_strike() {
    let old = first();
    assert_eq!(then(&old, &seen(999, 1010)).strikes, 1);
    assert_eq!(then(&old, &seen(1000, 1010)).strikes, 1, "it began in the same instant and knew nothing");
    assert_eq!(then(&old, &seen(1001, 1010)).strikes, 2);
}

#[test]
fn a_last_resort_that_fails_is_a_strike_from_the_instant_at_which_the_path_is_due() {
    let old = first();
    let resort = |at: u64| then(&old, &Observation { is_early: true, ..seen(at - 1, at) });
    let early = resort(1004);
    assert_eq!((early.strikes, early.until), (1, old.until), "it was known to be out");
    let due = resort(1005);
    assert_eq!((due.strikes, due.until), (2, Moment::from_secs(1015)));
}

#[test]
fn a_last_resort_that_fails_with_a_hint_moves_the_end_and_not_the_probe() {
    let old = first();
    let next = Observation { is_early: true, hint: Some(Duration::from_secs(60)), ..seen(1002, 1003) };
    let told = then(&old, &next);
    assert_eq!((told.until, told.hinted_until), (Moment::from_secs(1063), Moment::from_secs(1063)));
    assert_eq!((told.probe_at, told.strikes), (old.probe_at, 1));
}

#[test]
fn joining_two_entries_keeps_the_latest_of_each_and_the_words_of_the_last_failure() {
    let early = Suspension {
        probed_at: Moment::from_secs(1300),
        until: Moment::from_secs(4000),
        hinted_until: Moment::from_secs(4000),
        probe_at: Moment::from_secs(1900),
        strikes: 3,
        evidence: "early".into(),
        ..first()
    };
    let late = Suspension {
        since: Moment::from_secs(1200),
        probed_at: Moment::from_secs(1200),
        evidence: "late".into(),
        ..first()
    };
    let joined = merge(early.clone(), late.clone());
    assert_eq!(joined, merge(late.clone(), early.clone()));
    assert_eq!(joined, Suspension { since: late.since, evidence: "late".into(), ..early });
}

#[test]
fn evidence_is_the_first_line_that_says_anything_cut_at_a_letter_within_two_hundred_bytes() {
    let kept = |message: &str| {
        let mut world = World::new("c1/m1");
        let (mut flight, _) = world.begin("");
        assert_eq!(world.advance(&mut flight), None);
        let mut told = failure("rate_limited(60s)");
        told.verdict.error.message = message.to_owned();
        world.fail(&mut flight, told);
        world.store.export()[0].suspension.evidence.clone()
    };
    assert_eq!(kept(" \n\n  too many requests \nsecond line"), "too many requests");
    assert_eq!(kept(&"a".repeat(200)), "a".repeat(200));
    assert_eq!(kept(&"a".repeat(201)), "a".repeat(200));
    assert_eq!(kept(&"é".repeat(150)), "é".repeat(100));
    assert_eq!(kept(&format!("a{}", "é".repeat(150))), format!("a{}", "é".repeat(99)));
}

/// Who would be called so many seconds after a path of two failed for the `strikes`th time, the other being healthy.
fn called(class: ErrorClass, strikes: u32, secs_later: u64) -> String {
    let mut world = World::new("c1/m1 c2/m1");
    let due = world.now + Duration::from_secs(10);
    let suspension = Suspension {
        class,
        since: world.now,
        until: due,
        probe_at: due,
        probed_at: world.now,
        strikes,
        ..first()
    };
    let key = ScopeKey::Candidate(Candidate { credential: "c1".into(), model: "m1".into() });
    world.store.import([Shown { key, suspension }], merge);
    world.now = world.now + Duration::from_secs(secs_later);
    world.dry_run("")
}

#[test]
fn while_others_serve_a_path_rests_longer_with_every_strike_up_to_an_end() {
    use ErrorClass as C;
    let flapping = [(0, 90), (1, 90), (2, 180), (3, 270), (4, 360), (5, 360), (u32::MAX, 360)];
    let unsupported =
        [(0, 1800), (1, 1800), (2, 3600), (3, 7200), (4, 14_400), (5, 21_600), (u32::MAX, 21_600)];
    for (class, rests) in
        [(C::ServerError, flapping), (C::RateLimited, flapping), (C::ModelUnsupported, unsupported)]
    {
        for (strikes, rest) in rests {
            assert_eq!(called(class, strikes, rest - 1), "c2/m1", "{class}, strike {strikes}");
            assert_eq!(called(class, strikes, rest), "c1/m1", "{class}, strike {strikes}");
        }
    }
}
