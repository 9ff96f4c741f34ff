//! A caller who leaves: everything it held is given back, and nothing is recorded.

use std::time::Duration;

use http_body_util::BodyExt;

use crate::stage::{Act, Beat, Stage};

#[tokio::test(start_paused = true)]
async fn s082_leaving_before_the_answer_closes_the_upstream_and_blames_nobody() {
    for act in [Act::Silence, Act::Stream(vec![(1, Beat::Lifecycle), (60_000, Beat::Finish)])] {
        let stage = Stage::new(vec![vec![act]]);
        let left = tokio::time::timeout(Duration::from_secs(5), stage.stream()).await;
        assert!(left.is_err());
        assert_eq!((stage.calls(), stage.open()), (vec![1], 0));
        assert!(stage.conductor.store().export().is_empty());
        let session = stage.conductor.snapshot().session().clone();
        assert_eq!(session.in_flight(0), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn s082_leaving_in_mid_stream_closes_the_upstream_and_blames_nobody() {
    let stage = Stage::new(vec![vec![Act::Stream(vec![(1, Beat::Content("x")), (60_000, Beat::Finish)])]]);
    let mut answer = stage.stream().await;
    let _ = answer.body.frame().await;
    assert_eq!(stage.open(), 1);
    drop(answer);
    assert_eq!(stage.open(), 0);
    assert!(stage.conductor.store().export().is_empty());
    assert_eq!(stage.conductor.snapshot().session().in_flight(0), 0);
}

#[tokio::test(start_paused = true)]
async fn s082_leaving_while_the_head_is_held_back_closes_the_upstream() {
    let stage = Stage::new(vec![vec![Act::Stream(vec![(60_000, Beat::Finish)])]]);
    let mut answer = stage.stream().await;
    let _ = answer.body.frame().await;
    drop(answer);
    assert_eq!(stage.open(), 0);
    assert!(stage.conductor.store().export().is_empty());
}
