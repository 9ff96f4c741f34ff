//! What the caller gets when nothing can serve.

use serde_json::Value;

use crate::stage::{Act, Stage, UNSUPPORTED, text};

async fn refused(stage: &Stage) -> (u16, http::HeaderMap, Value) {
    let answer = stage.ask().await;
    let (status, headers) = (answer.status.as_u16(), answer.headers.clone());
    (status, headers, serde_json::from_str(&text(answer).await).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_model_that_nobody_serves_is_a_404_and_the_second_time_costs_no_upstream_call() {
    let stage = Stage::new(vec![vec![Act::Reply(404, UNSUPPORTED)], vec![Act::Reply(404, UNSUPPORTED)]]);
    let (status, headers, body) = refused(&stage).await;
    assert_eq!((status, &body["error"]["code"]), (404, &"model_not_found".into()));
    assert_eq!(headers["x-should-retry"], "false");
    assert_eq!(stage.calls(), [1, 1]);
    let (status, _, body) = refused(&stage).await;
    assert_eq!((status, &body["error"]["cause"]["class"]), (404, &"model_unsupported".into()));
    assert!(body["error"]["retry_after_seconds"].as_u64().unwrap() > 3600, "{body}");
    assert_eq!(stage.calls(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_a_403_and_never_a_401_or_an_outage() {
    let said = r#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    let stage = Stage::new(vec![vec![Act::Reply(401, said)]]);
    let (status, _, body) = refused(&stage).await;
    assert_eq!((status, &body["error"]["code"]), (403, &"upstream_credentials_rejected".into()));
}

#[tokio::test(start_paused = true)]
async fn s115_s116_a_short_wait_is_a_retry_after_and_a_long_one_is_not() {
    let said = r#"{"error":{"message":"Rate limit reached. Please try again in 20s.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}"#;
    let stage = Stage::new(vec![vec![Act::Reply(429, said)]]);
    let (status, headers, body) = refused(&stage).await;
    assert_eq!((status, &body["error"]["cause"]["class"]), (429, &"rate_limited".into()));
    let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((18..=20).contains(&wait), "{wait}");
    let said = r#"{"error":{"message":"The usage limit has been reached","type":"usage_limit_reached","resets_in_seconds":7200}}"#;
    let stage = Stage::new(vec![vec![Act::Reply(429, said)]]);
    let (status, headers, body) = refused(&stage).await;
    assert_eq!((status, headers.get("retry-after")), (429, None));
    assert_eq!(headers["x-should-retry"], "false");
    assert!(body["error"]["retry_at"].is_string(), "{body}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_a_404_that_asks_nobody() {
    let stage = Stage::new(vec![vec![Act::Reply(500, "{}")]]);
    let answer = stage.conductor.run(stage.request_for("nobody-knows-this", false)).await;
    assert_eq!(answer.status, 404);
    assert_eq!(stage.calls(), [0]);
}

#[tokio::test(start_paused = true)]
async fn s083_the_callers_own_deadline_is_a_504_and_blames_nobody() {
    let stage = Stage::new(vec![vec![Act::Silence], vec![Act::Silence]]);
    let mut request = stage.request(false);
    request.timeout = Some(std::time::Duration::from_secs(2));
    let answer = stage.conductor.run(request).await;
    assert_eq!(answer.status, 504);
    assert!(stage.conductor.store().export().is_empty());
    assert_eq!(stage.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn s117_no_name_of_a_credential_or_upstream_is_ever_shown_to_the_caller() {
    for act in [Act::Reply(401, "{}"), Act::Reply(500, "oops"), Act::Refused, Act::Reply(404, UNSUPPORTED)] {
        let secretive = Stage::new(vec![vec![act]]);
        let answer = secretive.ask().await;
        let body = text(answer).await;
        assert!(!body.contains("\"a\"") && !body.contains("a/m1"), "{body}");
    }
}
