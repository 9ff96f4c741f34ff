//! Streams: what commits, what still moves on, and how a broken one ends.

use http_body_util::BodyExt;
use standin_core::{Candidate, ErrorClass, ScopeKey};

use crate::stage::{Act, Beat, Stage, text};

const BOOM: &str =
    r#"{"error":{"message":"The server is overloaded","type":"server_error","code":"server_is_overloaded"}}"#;

fn good() -> Vec<Act> {
    vec![Act::Stream(vec![(1, Beat::Lifecycle), (1, Beat::Content("hello")), (1, Beat::Finish)])]
}

#[tokio::test(start_paused = true)]
async fn s085_s088_an_error_or_an_end_before_content_moves_on_and_its_frames_are_discarded() {
    let broken: [Vec<(u64, Beat)>; 5] = [
        vec![(1, Beat::Error(BOOM))],
        vec![(1, Beat::Lifecycle), (1, Beat::Error(BOOM))],
        vec![(1, Beat::Lifecycle)],
        vec![(1, Beat::Lifecycle), (1, Beat::Finish)],
        vec![(1, Beat::Break)],
    ];
    for beats in broken {
        let stage = Stage::new(vec![vec![Act::Stream(beats)], good()]);
        for _ in 0..12 {
            let answer = stage.stream().await;
            assert_eq!(answer.status, 200);
            let body = text(answer).await;
            assert_eq!(body, "data: {\"role\":1}\n\ndata: hello\n\ndata: end\n\ndata: [DONE]\n\n");
        }
        assert_eq!(stage.calls(), [1, 12]);
    }
}

#[tokio::test(start_paused = true)]
async fn s086_with_nobody_left_the_caller_gets_a_status_and_json_and_no_stream() {
    let stage = Stage::new(vec![vec![Act::Stream(vec![(1, Beat::Error(BOOM))])]]);
    let answer = stage.stream().await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(text(answer).await.starts_with(r#"{"error":"#));
}

#[tokio::test(start_paused = true)]
async fn s090_s091_after_content_there_is_one_error_frame_no_done_and_no_second_call() {
    for end in [Some((1, Beat::Error(BOOM))), Some((1, Beat::Break)), None] {
        let mut beats = vec![(1, Beat::Content("hel"))];
        beats.extend(end);
        let stage = Stage::new(vec![vec![Act::Stream(beats)], good()]);
        let body = text(stage.stream().await).await;
        assert!(body.starts_with("data: hel\n\ndata: {\"error\":"), "{body}");
        assert_eq!((body.matches("\"error\"").count(), body.contains("[DONE]")), (1, false), "{body}");
        assert_eq!(stage.calls(), [1, 0]);
        assert_eq!(stage.conductor.store().export().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn s089_s094_a_long_silence_sends_a_head_and_keep_alives_and_the_request_may_still_move_on() {
    let stage =
        Stage::new(vec![vec![Act::Stream(vec![(1, Beat::Lifecycle), (40_000, Beat::Error(BOOM))])], good()]);
    let mut answer = stage.stream().await;
    assert_eq!(answer.status, 200);
    let first = answer.body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b":"), "a comment comes first, not {first:?}");
    let body = text(answer).await;
    assert!(body.contains("hello") && body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(body.matches(": ").count() >= 2, "keep-alives went on: {body}");
    assert_eq!(stage.calls(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn s094_once_the_head_is_out_the_final_error_is_a_frame() {
    let stage = Stage::new(vec![vec![Act::Stream(vec![(20_000, Beat::Error(BOOM))])]]);
    let answer = stage.stream().await;
    assert_eq!(answer.status, 200);
    let body = text(answer).await;
    assert!(body.contains("data: {\"error\":") && !body.contains("[DONE]"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn s098_success_is_recorded_at_the_verified_end_and_not_before() {
    let stage = Stage::new(vec![vec![
        Act::Stream(vec![(1, Beat::Error(BOOM))]),
        Act::Stream(vec![(1, Beat::Content("x")), (1, Beat::Finish)]),
    ]]);
    let answer = stage.stream().await;
    assert_eq!(answer.status, 200);
    let path = ScopeKey::Candidate(Candidate { credential: "a".into(), model: "m1".into() });
    let is_remembered = || stage.conductor.store().find(&path, ErrorClass::Overloaded).is_some();
    assert!(is_remembered(), "content opens a path, but its ladder stays");
    let _ = text(answer).await;
    assert!(!is_remembered(), "a verified end resets the ladder");
}

#[tokio::test(start_paused = true)]
async fn s089_comments_use_up_no_events_of_the_window_but_their_share_of_its_bytes() {
    let comments = |count| vec![(1, Beat::Comment); count];
    let after = |count: usize, beat| {
        let beats = [comments(count), vec![(1, beat)]].concat();
        Stage::new(vec![vec![Act::Stream(beats)], good()])
    };
    let stage = after(200, Beat::Error(BOOM));
    assert!(text(stage.stream().await).await.contains("hello"), "two hundred comments are nothing yet");
    let stage = after(2_000, Beat::Error(BOOM));
    assert!(text(stage.stream().await).await.contains("\"error\""), "two thousand have used up the window");
}

#[tokio::test(start_paused = true)]
async fn s092_an_empty_answer_that_never_ends_is_none() {
    let mut beats = vec![(1, Beat::Finish)];
    beats.extend(vec![(1, Beat::Finish); 100]);
    let stage = Stage::new(vec![vec![Act::Stream(beats)], good()]);
    assert!(text(stage.stream().await).await.contains("hello"));
    assert_eq!(stage.calls(), [1, 1]);
}
