//! Whole answers: who serves, who is asked, what is shown.

use std::sync::Arc;

use standin_conductor::Request;
use standin_core::{Dialect, Operation};

use crate::stage::{Act, CALLERS_FAULT, SERVED, Stage, UNSUPPORTED, text};

#[tokio::test(start_paused = true)]
async fn an_unsupported_model_falls_to_the_stand_in_and_is_not_asked_again() {
    let stage = Stage::new(vec![vec![Act::Reply(400, UNSUPPORTED)], vec![Act::Reply(200, SERVED)]]);
    for _ in 0..12 {
        let answer = stage.ask().await;
        assert_eq!(answer.status, 200);
        assert!(text(answer).await.contains(r#""model":"m""#));
    }
    assert_eq!(stage.calls(), [1, 12]);
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_rests_for_longer_than_its_short_suspension_while_another_path_is_healthy() {
    let stage = Stage::new(vec![vec![Act::Reply(500, "{}")], vec![Act::Reply(200, SERVED)]]);
    for _ in 0..12 {
        assert_eq!(stage.ask().await.status, 200);
        tokio::time::advance(std::time::Duration::from_secs(6)).await;
    }
    assert_eq!(stage.calls(), [1, 12]);
}

#[tokio::test(start_paused = true)]
async fn s001_the_callers_own_fault_costs_one_call_and_comes_back_unchanged() {
    let stage = Stage::new(vec![vec![Act::Reply(400, CALLERS_FAULT)], vec![Act::Reply(400, CALLERS_FAULT)]]);
    for _ in 0..12 {
        let answer = stage.ask().await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.headers["x-should-retry"], "false");
        assert_eq!(text(answer).await, CALLERS_FAULT);
    }
    assert_eq!(stage.calls().iter().sum::<usize>(), 12);
    assert!(stage.conductor.store().export().is_empty());
}

#[tokio::test(start_paused = true)]
async fn s087_s092_an_empty_or_foreign_200_is_a_failure_that_falls_back() {
    for body in
        ["", "<html><body>hello</body></html>", r#"{"error":{"message":"boom","type":"server_error"}}"#]
    {
        let stage = Stage::new(vec![vec![Act::Reply(200, body)], vec![Act::Reply(200, SERVED)]]);
        for _ in 0..3 {
            assert_eq!(stage.ask().await.status, 200);
        }
        assert_eq!(stage.calls(), [1, 3], "for {body:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_names_the_whole_order_and_why_some_are_passed_by_and_changes_nothing() {
    let stage = Stage::new(vec![
        vec![Act::Reply(400, UNSUPPORTED)],
        vec![Act::Reply(200, SERVED)],
        vec![Act::Reply(200, SERVED)],
    ]);
    let order = || {
        let preview = stage.conductor.preview("m", Operation::ChatCompletions).unwrap();
        let order: Vec<_> = preview.order.iter().map(|(candidate, _)| candidate.to_string()).collect();
        (order.join(" "), preview.to_string())
    };
    assert_eq!(order().0, "a/m1 b/m1 c/m1");
    assert_eq!(order().0, "a/m1 b/m1 c/m1", "nothing was moved by asking");
    assert_eq!(stage.calls(), [0, 0, 0]);
    assert_eq!(stage.ask().await.status, 200);
    let before = stage.conductor.store().export();
    let (said, shown) = order();
    assert_eq!(said, "c/m1 b/m1");
    assert!(shown.contains("passed by  a/m1  suspended") && shown.contains("then       b/m1"), "{shown}");
    assert_eq!((stage.conductor.store().export(), stage.calls()), (before, vec![1, 1, 0]));
    assert!(stage.conductor.preview("nobody", Operation::ChatCompletions).is_none());
}

#[tokio::test(start_paused = true)]
async fn every_decision_can_be_read_by_the_request_id() {
    let stage = Stage::new(vec![vec![Act::Reply(400, UNSUPPORTED)], vec![Act::Reply(200, SERVED)]]);
    let request = stage.request(false);
    let id = request.call.request_id;
    let _ = stage.conductor.run(request).await;
    let story = stage.conductor.story(&id).unwrap();
    let told = serde_json::to_string(&*story).unwrap();
    assert!(told.contains("model_unsupported") && told.contains("served"), "{told}");
}

/// A request of OpenAI Responses that goes on from an earlier response, or from none.
fn going_on_from(stage: &Stage, response: Option<&str>) -> Request {
    let mut request = stage.request(false);
    let call = Arc::get_mut(&mut request.call).unwrap();
    (call.dialect, call.operation) = (Dialect::OpenaiResponses, Operation::Responses);
    request.session = response.map(standin_wire::session_after);
    request
}

#[tokio::test(start_paused = true)]
async fn a_conversation_goes_on_with_whoever_keeps_its_last_response() {
    let a = r#"{"id":"resp_a","object":"response","status":"completed","model":"m1","output":[{}]}"#;
    let b = r#"{"id":"resp_b","object":"response","status":"completed","model":"m1","output":[{}]}"#;
    let stage = Stage::new(vec![vec![Act::Reply(200, a)], vec![Act::Reply(200, b)]]);
    for _ in 0..6 {
        let answer = text(stage.conductor.run(going_on_from(&stage, None)).await).await;
        let (id, served) = if answer.contains("resp_a") { ("resp_a", 0) } else { ("resp_b", 1) };
        let before = stage.calls()[served];
        for _ in 0..3 {
            assert_eq!(stage.conductor.run(going_on_from(&stage, Some(id))).await.status, 200);
        }
        assert_eq!(stage.calls()[served], before + 3, "{id}");
    }
    assert_eq!(stage.calls(), [12, 12], "first turns are still balanced");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_nobody_keeps_binds_nothing() {
    let body = r#"{"id":"resp_1","object":"response","status":"completed","store":false,"model":"m1","output":[{}]}"#;
    let stage = Stage::new(vec![vec![Act::Reply(200, body)], vec![Act::Reply(200, body)]]);
    for response in [None, Some("resp_1")] {
        assert_eq!(stage.conductor.run(going_on_from(&stage, response)).await.status, 200);
    }
    assert_eq!(stage.calls(), [1, 1]);
}
