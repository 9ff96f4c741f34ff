//! Scenarios 115 to 128: what the caller and the operator are told.

use std::time::Duration;

use standin_core::{Candidate, ScopeKey};
use standin_policy::{Cause, Ending, Family};

use crate::transcript::{World, check, route};

fn report(world: &mut World, words: &str) -> standin_policy::Report {
    let (mut flight, answers) = world.begin(words);
    let mut answers = answers.into_iter();
    loop {
        match world.advance(&mut flight) {
            None => world.answer(&mut flight, &answers.next().unwrap()),
            Some(Ending::Failed(report)) => return *report,
            Some(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn s115_with_every_path_blocked_the_answer_is_immediate_and_names_deadline_model_and_cause() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("quota_exhausted(2h) auth_failed => c1/m1 c2/m1 | quota_exhausted 1800s");
    let began = world.now;
    let report = report(&mut world, "");
    assert_eq!((world.now, report.attempts), (began, 0));
    assert_eq!(report.cause, Cause::Suspended(standin_core::ErrorClass::QuotaExhausted));
    assert_eq!(report.deadline, Some(world.now + Duration::from_secs(1800)));
    assert_eq!(report.model.as_str(), "P");
    let key = report.suspended.expect("what stands behind it");
    assert_eq!(key, ScopeKey::Candidate(Candidate { credential: "c1".into(), model: "m1".into() }));
}

#[test]
fn s116_the_deadline_is_the_earliest_of_all_paths_however_far_the_others_are() {
    check(
        "c1/m1 c2/m1 c3/m1",
        "quota_exhausted(5d) rate_limited(25s) quota_exhausted(3h) => c1/m1 c2/m1 c3/m1 | quota_exhausted 25s",
    );
}

#[test]
fn s118_a_suspension_never_changes_the_list_of_models() {
    let mut world = World::new("c1/m1");
    let before = world.routing().listed().to_vec();
    world.tells("model_unsupported => c1/m1 | model_unsupported 43200s");
    assert_eq!(world.routing().listed(), before);
}

#[test]
fn a_listed_name_says_how_much_it_holds_at_most_and_who_is_behind_it_each_once() {
    let world = World::with("a:c1/m1 a:c2/m1 b:c3/m2", |declared, _| {
        declared.routes.push(route("a/m1 b/m2"));
        declared.models[0].context_tokens = Some(32_000);
        declared.models[1].context_tokens = Some(8_000);
    });
    let routing = world.routing();
    let name = routing.resolve("P").unwrap();
    assert_eq!(routing.context_tokens(name), Some(32_000));
    assert_eq!(routing.context_tokens(routing.resolve("b/m2").unwrap()), Some(8_000));
    assert_eq!(routing.targets(name), [("a".into(), "m1".into()), ("b".into(), "m2".into())]);
    assert_eq!(routing.candidates(name).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn s119_a_model_with_one_healthy_credential_is_listed_and_served() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("auth_failed ok => c1/m1 c2/m1 | served");
    assert_eq!(world.routing().listed().len(), 1);
    world.tells("ok => c2/m1 | served");
}

#[test]
fn s120_the_operator_sees_reason_times_level_and_words_and_what_has_run_out_is_gone_without_traffic() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("rate_limited(60s) ok => c1/m1 c2/m1 | served");
    let shown = world.store.list(world.now).remove(0);
    let entry = shown.suspension;
    assert_eq!(
        (entry.since, entry.until, entry.probed_at),
        (world.now, world.now + Duration::from_secs(60), world.now)
    );
    assert_eq!((entry.strikes, entry.evidence.as_str()), (1, "rate_limited happened"));
    assert!(world.store.list(world.now + Duration::from_secs(60)).is_empty());
}

#[test]
fn s121_the_operator_can_clear_one_candidate_one_credential_or_everything() {
    let told = "of=up/m1 pin=c1 rate_limited(60s) => c1/m1 | rate_limited 60s
                of=up/m2 pin=c1 auth_failed => c1/m2 | auth_failed 1800s
                of=up/m1 pin=c2 model_unsupported => c2/m1 | model_unsupported 43200s";
    let mut world = World::new("c1/m1 c1/m2 c2/m1");
    world.tells(told);
    world.store.clear_candidate(&Candidate { credential: "c1".into(), model: "m1".into() });
    assert_eq!(world.suspended(), ["c2/m1 model_unsupported 43200s", "c1 auth_failed 1800s"]);
    world.store.clear_credential(&"c1".into());
    assert_eq!(world.suspended(), ["c2/m1 model_unsupported 43200s"]);
    world.tells("of=up/m1 pin=c1 ok => c1/m1 | served");
    world.store.clear_all();
    assert!(world.suspended().is_empty());
    world.tells("of=up/m1 pin=c2 ok => c2/m1 | served");
    // A credential is cleared with what its models are out for.
    world.tells("of=up/m2 pin=c1 rate_limited(60s) => c1/m2 | rate_limited 60s");
    world.store.clear_credential(&"c1".into());
    assert!(world.suspended().is_empty());
}

#[test]
fn s124_a_renewed_credential_loses_only_the_blocks_that_were_about_its_secret() {
    let mut world = World::new("c1/m1 c1/m2");
    world.tells("rate_limited(60s) auth_failed => c1/m1 c1/m2 | rate_limited 1800s");
    world.store.renewed(&"c1".into());
    world.tells("ok => c1/m2 | served");
    assert_eq!(world.suspended(), ["c1/m1 rate_limited 60s"]);
}

#[test]
fn s124_a_credential_that_was_away_comes_back_without_its_old_blocks() {
    let mut world = World::new("c1/m1 c2/m1");
    world.tells("auth_failed ok => c1/m1 c2/m1 | served");
    let away = world.declared.credentials[0].clone();
    world.reload(|declared, _| declared.credentials.retain(|known| known.id != away.id));
    world.reload(|declared, _| declared.credentials.insert(0, away.clone()));
    assert!(world.suspended().is_empty());
}

#[test]
fn s125_a_renewal_that_is_refused_blocks_the_credential_whatever_its_models_are_like() {
    let mut world =
        World::with("c1/m1 c1/m2 c2/m1", |declared, _| declared.credentials[0].is_renewable = true);
    world.tells(
        "auth_failed auth_failed ok => c1/m1 renewed:c1/m1 c2/m1 | served
         of=up/m2 => | suspended auth_failed 1800s",
    );
}

#[test]
fn s128_every_decision_stands_in_the_trail_with_its_reason() {
    let mut world = World::new("c1/m1 c2/m1 c3/m1");
    world.tells(
        "pin=c1 rate_limited(60s) => c1/m1 | rate_limited 60s
         server_error#1 ok => c2/m1 c3/m1 | served",
    );
    let told = serde_json::to_string(world.trail.as_ref().unwrap()).unwrap();
    for word in ["server_error", "test/rule", "\"attempt\":2", "\"round\":0", "\"credential\":\"c3\"", "turn"]
    {
        assert!(told.contains(word), "{word} is missing in {told}");
    }
    world.tells("ok => c3/m1 | served");
    let told = serde_json::to_string(world.trail.as_ref().unwrap()).unwrap();
    assert!(told.contains("\"suspended\"") && told.contains("\"softly_suspended\""), "{told}");
}

#[test]
fn the_most_useful_error_is_reported_whatever_the_order() {
    let ranked = ["rate_limited(60s)", "model_unsupported", "server_error#1", "auth_failed"];
    for (at, better) in ranked.iter().enumerate() {
        for worse in &ranked[at + 1..] {
            for words in [format!("{better} {worse}"), format!("{worse} {better}")] {
                let mut world = World::with("c1/m1 c2/m1", |_, params| params.rounds = 0);
                let class = report(&mut world, &words).cause.class().unwrap();
                assert!(better.starts_with(class.as_str()), "{words}: {class}");
            }
        }
    }
    assert!(Family::Caller < Family::Limit && Family::Transient < Family::Credentials);
}

#[test]
fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let mut world = World::new("c1/m1 c2/m1");
    assert_eq!(world.dry_run(""), "c1/m1");
    assert_eq!(world.dry_run(""), "c1/m1");
    world.tells("rate_limited(60s) ok => c1/m1 c2/m1 | served");
    assert_eq!(world.dry_run("pin=c1"), "suspended rate_limited 60s");
    world.tells("ok => c2/m1 | served");
}

#[test]
fn the_route_keeps_counting_while_a_request_waits() {
    let mut world = World::new("c1/m1");
    world.tells("rate_limited(4s) rate_limited(4s) ok => c1/m1 ~4s c1/m1 ~4s c1/m1 | served");
}
