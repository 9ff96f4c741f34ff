//! What the catalogue of faults (`docs/faults.md`) asks of whole requests, with the real classifier and the real
//! policy behind scripted executors.

use std::{fs, time::Duration};

use http_body_util::BodyExt;
use serde_json::Value;
use standin_core::{Candidate, ErrorClass, Moment, ScopeKey, Suspension};
use standin_policy::{Params, UnknownFate};

use crate::stage::{Act, Beat, SERVED, Stage, UNSUPPORTED, text};

const BUSY: &str =
    r#"{"error":{"message":"The server is overloaded","type":"server_error","code":"server_is_overloaded"}}"#;
const DONE: &str = "data: hello\n\ndata: end\n\ndata: [DONE]\n\n";

/// Recorded errors that are of these classes and no other, and came as replies.
fn recorded(classes: &[&str]) -> Vec<Value> {
    let Some(folder) = standin_testkit::shared("corpus") else { return Vec::new() };
    let text = fs::read_to_string(folder.join("upstream-errors.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let wanted = |row: &Value| {
        let class = row["class"].as_str().unwrap();
        let is_sure = row["also"].as_array().unwrap().is_empty();
        row["transport"] == "http"
            && row["status"].as_u64() > Some(399)
            && classes.contains(&class)
            && is_sure
    };
    rows.filter(wanted).collect()
}

/// Two credentials of the row's provider; the first answers as recorded, the second serves.
fn replay(row: &Value) -> Stage {
    let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
    let told = Act::Told(status, ("x-recorded", "yes".to_owned()), row["body"].as_str().unwrap().to_owned());
    Stage::of_family(
        row["provider"].as_str(),
        vec![vec![told], vec![Act::Reply(200, SERVED)]],
        Params::default(),
    )
}

fn good() -> Vec<Act> {
    vec![Act::Stream(vec![(1, Beat::Content("hello")), (1, Beat::Finish)])]
}

/// What is held against the candidate of credential `a`.
fn entry(stage: &Stage, class: ErrorClass) -> Option<Suspension> {
    let candidate = Candidate { credential: "a".into(), model: "m1".into() };
    stage.conductor.store().find(&ScopeKey::Candidate(candidate), class)
}

fn seconds(from: Moment, until: Moment) -> u64 {
    until.since(from).as_secs()
}

#[tokio::test(start_paused = true)]
async fn b1_every_recorded_wording_of_an_unsupported_model_falls_back_and_suspends_only_that_candidate() {
    let (mut wrong, rows) = (Vec::new(), recorded(&["model_unsupported"]));
    for row in &rows {
        let stage = replay(row);
        for _ in 0..4 {
            let _ = stage.ask().await;
        }
        let blamed: Vec<_> = stage.conductor.store().export().into_iter().map(|shown| shown.key).collect();
        let is_candidate = |key: &ScopeKey| matches!(key, ScopeKey::Candidate(one) | ScopeKey::CandidateOperation(one, _) if one.credential == "a".into());
        if stage.calls() != [1, 4] || blamed.len() != 1 || !blamed.iter().all(is_candidate) {
            wrong.push(format!("{}: calls {:?}, blamed {blamed:?}", row["id"], stage.calls()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}

#[tokio::test(start_paused = true)]
async fn b2_every_recorded_fault_of_a_caller_costs_one_attempt_and_suspends_nothing() {
    let classes = ["invalid_request", "content_policy"];
    let (mut wrong, rows) = (Vec::new(), recorded(&classes));
    for row in &rows {
        let stage = replay(row);
        let status = stage.ask().await.status;
        if stage.calls() != [1, 0]
            || !status.is_client_error()
            || !stage.conductor.store().export().is_empty()
        {
            wrong.push(format!("{}: {status}, calls {:?}", row["id"], stage.calls()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}

#[tokio::test(start_paused = true)]
async fn b5_every_form_of_a_hint_is_read_and_none_is_believed_without_bounds() {
    let limited =
        r#"{"error":{"message":"Rate limit reached.","type":"requests","code":"rate_limit_exceeded"}}"#;
    let header = |value: &str| Act::Told(429, ("retry-after", value.to_owned()), limited.to_owned());
    let body = |tail: &str| {
        let body =
            format!(r#"{{"error":{{"message":"Rate limit reached.","code":"rate_limit_exceeded"{tail}}}}}"#);
        Act::Told(429, ("x-recorded", "yes".to_owned()), body)
    };
    let quota = |tail: &str| {
        let body = format!(
            r#"{{"error":{{"message":"The usage limit has been reached","type":"usage_limit_reached"{tail}}}}}"#
        );
        Act::Told(429, ("x-recorded", "yes".to_owned()), body)
    };
    let rate = ErrorClass::RateLimited;
    // 2027-01-15T08:00:00Z is where the stage's wall clock begins.
    let cases = [
        ("seconds", header("20"), rate, 20),
        ("a fraction", header("1.5"), rate, 1),
        ("a date", header("Fri, 15 Jan 2027 08:00:30 GMT"), rate, 30),
        ("a date that has passed", header("Fri, 15 Jan 2021 08:00:30 GMT"), rate, 5),
        ("negative", header("-5"), rate, 5),
        ("no number", header("soon"), rate, 5),
        ("overflowing", header("99999999999999999999999999"), rate, 5),
        ("two hours", header("7200"), rate, 600),
        ("ten years, which nobody believes", header("315360000"), rate, 5),
        ("nothing", body(""), rate, 5),
        ("a quota's own field", quota(r#","resets_in_seconds":7200"#), ErrorClass::QuotaExhausted, 7200),
        ("a quota's moment", quota(r#","resets_at":1800003600"#), ErrorClass::QuotaExhausted, 3600),
    ];
    for (form, act, class, wanted) in cases {
        let stage = Stage::new(vec![vec![act], vec![Act::Reply(200, SERVED)]]);
        assert_eq!(stage.ask().await.status, 200, "{form}");
        let exported = stage.conductor.store().export();
        let seen = &exported[0].suspension;
        assert_eq!((seen.class, seconds(seen.since, seen.until)), (class, wanted), "{form}: {seen:?}");
        assert!(seen.probe_at <= seen.since + Duration::from_secs(600), "{form}: {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn b7_the_five_statuses_of_an_outage_rest_shortly_and_a_hint_of_a_503_is_honoured() {
    for status in [500, 502, 503, 504, 529] {
        let stage = Stage::new(vec![vec![Act::Reply(status, "{}")], vec![Act::Reply(200, SERVED)]]);
        assert_eq!(stage.ask().await.status, 200, "{status}");
        let exported = stage.conductor.store().export();
        let seen = &exported[0].suspension;
        assert!(seen.class.is_soft(), "{status}: {seen:?}");
        assert_eq!((exported.len(), seconds(seen.since, seen.until)), (1, 1), "{status}");
    }
    let hinted = Act::Told(503, ("retry-after", "17".to_owned()), BUSY.to_owned());
    let stage = Stage::new(vec![vec![hinted], vec![Act::Reply(200, SERVED)]]);
    assert_eq!(stage.ask().await.status, 200);
    let seen = entry(&stage, ErrorClass::Overloaded).unwrap();
    assert_eq!(seconds(seen.since, seen.until), 17);
}

fn on_unknown_fate(on_unknown_fate: UnknownFate, scripts: Vec<Vec<Act>>) -> Stage {
    let params = Params { on_unknown_fate, ..Params::default() };
    Stage::with_params(scripts, params)
}

#[tokio::test(start_paused = true)]
async fn b7_a_reply_that_was_cut_short_is_repeated_elsewhere_only_as_the_operator_wants() {
    for (fate, calls) in [(UnknownFate::Continue, [1, 1]), (UnknownFate::Stop, [1, 0])] {
        let stage = on_unknown_fate(fate, vec![vec![Act::CutShort], vec![Act::Reply(200, SERVED)]]);
        let _ = stage.ask().await;
        assert_eq!(stage.calls(), calls, "{fate:?}, a whole reply");
        let begun = vec![(1, Beat::Lifecycle), (1, Beat::Break)];
        let stage = on_unknown_fate(fate, vec![vec![Act::Stream(begun)], good()]);
        let _ = text(stage.stream().await).await;
        assert_eq!(stage.calls(), calls, "{fate:?}, a stream");
    }
}

#[tokio::test(start_paused = true)]
async fn b7_what_was_never_sent_is_tried_elsewhere_also_after_the_head_has_gone_out() {
    let limited = r#"{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}"#;
    let scripts = vec![vec![Act::Late(11_000, 429, limited)], vec![Act::Refused], good()];
    let stage = on_unknown_fate(UnknownFate::Stop, scripts);
    assert!(text(stage.stream().await).await.contains("hello"));
    assert_eq!(stage.calls(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn b8_a_200_that_is_no_answer_is_malformed_and_never_a_success() {
    let cut = &SERVED[..SERVED.len() / 2];
    for body in ["", "<html>Sign in</html>", cut, "null", r#"{"object":"chat.completion"}"#] {
        let stage = Stage::new(vec![vec![Act::Reply(200, body)], vec![Act::Reply(200, SERVED)]]);
        assert_eq!(stage.ask().await.status, 200, "{body:?}");
        assert_eq!(stage.calls(), [1, 1], "{body:?}");
        assert!(entry(&stage, ErrorClass::Malformed).is_some(), "{body:?} was taken for an answer");
    }
    let error =
        r#"{"error":{"message":"Rate limit reached.","type":"requests","code":"rate_limit_exceeded"}}"#;
    let stage = Stage::new(vec![vec![Act::Reply(200, error)], vec![Act::Reply(200, SERVED)]]);
    assert_eq!(stage.ask().await.status, 200);
    assert!(entry(&stage, ErrorClass::RateLimited).is_some(), "an error in a 200 keeps its class");
}

#[tokio::test(start_paused = true)]
async fn b12_the_answer_of_a_fully_suspended_route_names_the_earliest_end_and_nobody() {
    let limited = |wait: &str| {
        Act::Told(429, ("retry-after", wait.to_owned()), r#"{"error":{"message":"Rate limit"}}"#.to_owned())
    };
    let stage = Stage::new(vec![vec![limited("120")], vec![limited("40")]]);
    let _ = stage.ask().await;
    let answer = stage.ask().await;
    assert_eq!((answer.status.as_u16(), stage.calls()), (429, vec![1, 1]), "the second costs no call");
    assert!(answer.headers.get("retry-after").is_none(), "40 s are too long to be slept through in silence");
    let body: Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(body["error"]["retry_after_seconds"], 40, "{body}");
    assert_eq!(body["error"]["cause"]["class"], "rate_limited");
    let told = body.to_string();
    assert!(!told.contains("a/m1") && !told.contains("b/m1") && told.contains('m'), "{told}");
}

#[tokio::test(start_paused = true)]
async fn c2_whatever_goes_wrong_before_content_the_caller_sees_one_clean_stream() {
    let pings = || (0..20).map(|_| (1, Beat::Lifecycle)).collect::<Vec<_>>();
    let endings: [Vec<Act>; 6] = [
        vec![Act::Reply(503, BUSY)],
        vec![Act::Reply(404, UNSUPPORTED)],
        vec![Act::Stream(vec![(1, Beat::Error(BUSY))])],
        vec![Act::Stream(vec![])],
        vec![Act::Stream(pings())],
        vec![Act::Stream([pings(), vec![(1, Beat::Break)]].concat())],
    ];
    for first in endings {
        let stage = Stage::new(vec![first, good()]);
        let answer = stage.stream().await;
        assert_eq!((answer.status.as_u16(), stage.calls()), (200, vec![1, 1]));
        assert_eq!(text(answer).await, DONE);
    }
}

#[tokio::test(start_paused = true)]
async fn c3_c6_after_content_one_error_frame_is_the_end_and_nobody_else_is_called() {
    for end in [Some((1, Beat::Error(BUSY))), Some((1, Beat::Break)), None] {
        let beats = [vec![(1, Beat::Content("half"))], end.into_iter().collect()].concat();
        let stage = Stage::new(vec![vec![Act::Stream(beats)], good()]);
        let answer = stage.stream().await;
        let body = text(answer).await;
        let error = body.strip_prefix("data: half\n\ndata: ").unwrap();
        let error: Value = serde_json::from_str(error.trim_end()).unwrap();
        assert!(error["error"]["message"].is_string(), "{body}");
        assert_eq!(stage.calls(), [1, 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn c4_pings_through_a_long_thought_are_no_timeout() {
    let thought = (0..200).map(|_| (20_000, Beat::Content(".")));
    let beats = thought.chain([(1, Beat::Finish)]).collect();
    let stage = Stage::new(vec![vec![Act::Stream(beats)]]);
    let body = text(stage.stream().await).await;
    assert!(body.ends_with("data: [DONE]\n\n") && !body.contains("error"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn c5_keep_alives_stand_between_events_and_leave_the_right_to_move_on() {
    let slow = Act::Stream(vec![(50_000, Beat::Error(BUSY))]);
    let stage = Stage::new(vec![vec![slow], good()]);
    let mut answer = stage.stream().await;
    let mut pieces = Vec::new();
    while let Some(frame) = answer.body.frame().await {
        pieces.push(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap());
    }
    let pings = pieces.iter().filter(|piece| piece.starts_with(':')).count();
    assert!(pings >= 3, "{pieces:?}");
    assert!(pieces.iter().all(|piece| piece.ends_with("\n\n")), "a piece ends between events: {pieces:?}");
    let words: String = pieces.into_iter().filter(|piece| !piece.starts_with(':')).collect();
    assert_eq!((words.as_str(), stage.calls()), (DONE, vec![1, 1]));

    let paused = Act::Stream(vec![(1, Beat::Content("a")), (40_000, Beat::Content("b")), (1, Beat::Finish)]);
    let body = text(Stage::new(vec![vec![paused]]).stream().await).await;
    let between = &body[body.find("a\n\n").unwrap() + 3..body.find("data: b").unwrap()];
    assert!(between.starts_with(':') && between.ends_with("\n\n"), "{body}");
}

#[tokio::test(start_paused = true)]
async fn c8_a_whole_reply_is_never_passed_on_as_a_stream() {
    let stage = Stage::new(vec![vec![Act::Reply(200, SERVED)], good()]);
    let answer = stage.stream().await;
    assert_eq!(text(answer).await, DONE);
    assert_eq!(stage.calls(), [1, 1]);
}

#[tokio::test(start_paused = true)]
async fn n3_callers_who_come_at_the_instant_of_a_suspension_cost_it_no_further_call() {
    let stage = Stage::new(vec![vec![Act::Late(1_000, 404, UNSUPPORTED)], vec![Act::Reply(200, SERVED)]]);
    let crowd = (0..100).map(|_| stage.ask());
    let answers = futures_util::future::join_all(crowd).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let in_the_air = stage.calls()[0];
    assert!(in_the_air <= 50, "half of them were on their way at most: {in_the_air}");
    for _ in 0..100 {
        assert_eq!(stage.ask().await.status, 200);
    }
    assert_eq!(stage.calls()[0], in_the_air);
}
