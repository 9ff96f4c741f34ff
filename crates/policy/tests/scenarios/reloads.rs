//! What a changed configuration leaves of what is remembered.

use std::time::Duration;

use standin_core::{Candidate, Operation, ScopeKey};

use crate::transcript::World;

#[test]
fn after_a_reload_only_what_concerns_somebody_who_suspends_is_remembered() {
    let world = World::with("up:c1/m1 eu:c2/m1", |declared, _| {
        declared.credentials[0].suspend = Some(false);
        declared.credentials[1].suspend = Some(true);
    });
    let layout = world.routing().layout();
    let scopes = |credential: u32| {
        let row = layout.credential(credential);
        let candidate = layout.candidate(credential);
        let upstream = layout.upstream_id(row.upstream).clone();
        [
            ScopeKey::Candidate(candidate.clone()),
            ScopeKey::CandidateOperation(candidate.clone(), Operation::Messages),
            ScopeKey::Credential(row.id.clone()),
            ScopeKey::UpstreamModel(upstream.clone(), candidate.model),
            ScopeKey::UpstreamOperation(upstream, Operation::Messages),
            ScopeKey::Endpoint(layout.endpoint_id(row.endpoint).clone()),
        ]
    };
    for globally in [false, true] {
        for (off, on) in scopes(0).iter().zip(&scopes(1)) {
            let kept = (world.routing().keeps(off, globally), world.routing().keeps(on, globally));
            assert_eq!(kept, (false, true), "{off} and {on}");
        }
    }
    let stranger = Candidate { credential: "c9".into(), model: "m1".into() };
    assert!(!world.routing().keeps(&ScopeKey::Candidate(stranger), true), "it is gone");
}

#[test]
fn after_a_reload_a_budget_that_was_spent_is_still_spent() {
    let mut world = World::with("up:c1/m1 up:c2/m1 eu:c3/m9", |_, params| {
        params.retry_budget_burst = 1;
        params.retry_budget_per_second = 0.001;
        params.wait_max = Duration::ZERO;
        params.rounds = 0;
    });
    world.tells("of=up/m1 server_error ok => c1/m1 c2/m1 | served");
    world.reload(|declared, _| declared.models.push(standin_policy::Model::new("up", "m2")));
    let told = world.tell("of=up/m1 server_error");
    assert!(told.contains("| server_error"), "{told}");
}
