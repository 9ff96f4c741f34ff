//! What an answer shows of the member that gave it, and how hints and logins reach the policy.

use std::{sync::atomic::Ordering, time::Duration};

use http_body_util::BodyExt;
use standin_policy::Params;

use crate::stage::{Act, Beat, SERVED, Stage, UNSUPPORTED, text};

fn headed(status: u16, name: &'static str, value: &str, body: &str) -> Act {
    Act::Told(status, (name, value.to_owned()), body.to_owned())
}

#[tokio::test(start_paused = true)]
async fn s041_an_answer_carries_the_callers_name_whichever_member_gave_it() {
    let other = r#"{"id":"c","object":"chat.completion","created":1,"model":"m1-2026-11","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}"#;
    for served in [SERVED, other] {
        let stage = Stage::new(vec![vec![Act::Reply(400, UNSUPPORTED)], vec![Act::Reply(200, served)]]);
        let body = text(stage.ask().await).await;
        assert!(body.contains(r#""model":"m""#) && !body.contains("m1"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn s050_a_hint_is_read_from_the_most_specific_place_and_what_has_passed_is_ignored() {
    // The wall clock of the stage begins at 1 800 000 000.
    let hints: [(&str, Act, u64); 8] = [
        (
            "gemini",
            Act::Reply(
                429,
                r#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"13s"}]}}"#,
            ),
            13,
        ),
        (
            "openai",
            Act::Reply(
                429,
                r#"{"error":{"message":"Rate limit reached. Please try again in 11.054s.","code":"rate_limit_exceeded"}}"#,
            ),
            12,
        ),
        (
            "codex",
            Act::Reply(
                429,
                r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached","resets_at":1800000600}}"#,
            ),
            600,
        ),
        (
            "codex",
            Act::Reply(
                429,
                r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached","resets_in_seconds":900,"resets_at":1700000000}}"#,
            ),
            900,
        ),
        ("", headed(429, "retry-after", "7", r#"{"error":{"message":"rate limit"}}"#), 7),
        ("", headed(429, "retry-after-ms", "8500", r#"{"error":{"message":"rate limit"}}"#), 9),
        ("", headed(429, "retry-after", "-7", r#"{"error":{"message":"rate limit"}}"#), 5),
        (
            "",
            headed(
                429,
                "retry-after",
                "Fri, 01 Jan 2021 00:00:00 GMT",
                r#"{"error":{"message":"rate limit"}}"#,
            ),
            5,
        ),
    ];
    for (family, act, secs) in hints {
        let stage =
            Stage::of_family(Some(family), vec![vec![act], vec![Act::Reply(200, SERVED)]], Params::default());
        assert_eq!(stage.ask().await.status, 200);
        let shown = stage.conductor.suspensions();
        let entry = &shown[0].suspension;
        let out = entry.until.since(entry.since).as_secs_f64().ceil();
        assert!((out - Duration::from_secs(secs).as_secs_f64()).abs() < 0.5, "{family}: {secs} is {out}");
    }
}

#[tokio::test(start_paused = true)]
async fn s093_a_broken_frame_moves_on_before_content_and_ends_the_stream_after_it() {
    let good = || vec![Act::Stream(vec![(1, Beat::Content("hello")), (1, Beat::Finish)])];
    let stage = Stage::new(vec![vec![Act::Stream(vec![(1, Beat::Error("{not json"))])], good()]);
    assert!(text(stage.stream().await).await.contains("hello"));
    assert_eq!(stage.calls(), [1, 1]);
    let broken = vec![(1, Beat::Content("hel")), (1, Beat::Error("{not json"))];
    let stage = Stage::new(vec![vec![Act::Stream(broken)], good()]);
    let body = text(stage.stream().await).await;
    assert_eq!((body.matches("\"error\"").count(), body.contains("[DONE]")), (1, false), "{body}");
    assert_eq!(stage.calls(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn s095_the_headers_are_those_of_the_attempt_that_served() {
    let stage = Stage::new(vec![
        vec![headed(500, "x-ratelimit-remaining-requests", "0", "{}")],
        vec![headed(200, "x-ratelimit-remaining-requests", "99", SERVED)],
    ]);
    let answer = stage.ask().await;
    assert_eq!(stage.calls(), [1, 1]);
    let shown = answer.headers.get_all("x-ratelimit-remaining-requests");
    assert!(shown.iter().all(|value| value == "99"), "{:?}", answer.headers);
}

#[tokio::test(start_paused = true)]
async fn s096_a_rejected_login_is_renewed_once_and_tried_again_before_the_next_credential() {
    const REJECTED: &str = r#"{"error":{"message":"Your authentication token has expired.","type":"invalid_request_error","code":"token_expired"}}"#;
    let stream = || Act::Stream(vec![(1, Beat::Content("hello")), (1, Beat::Finish)]);
    for (first, calls) in
        [(vec![Act::Reply(401, REJECTED), stream()], [2, 0]), (vec![Act::Reply(401, REJECTED)], [2, 1])]
    {
        let stage = Stage::of_family(Some("renewable"), vec![first, vec![stream()]], Params::default());
        assert!(text(stage.stream().await).await.contains("hello"));
        assert_eq!(stage.calls(), calls);
        assert_eq!(stage.scripts[0].renewals.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn s097_a_slow_caller_slows_the_upstream_down_and_nothing_piles_up() {
    let beats = (0..1000).map(|_| (0, Beat::Content("x"))).chain([(0, Beat::Finish)]).collect();
    let stage = Stage::new(vec![vec![Act::Stream(beats)]]);
    let mut answer = stage.stream().await;
    for read in 1..=10 {
        let _ = answer.body.frame().await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let beaten = stage.scripts[0].beats.load(Ordering::SeqCst);
        assert!(beaten <= read + 1, "{beaten} frames were taken from the upstream, {read} were read");
    }
}
