//! What an operator reads in the log, and on the shelf of stories.

use std::{
    io,
    sync::{Arc, Mutex, Once},
};

use serde_json::Value;
use standin_conductor::STORIES_MAX;

use crate::stage::{Act, Beat, CALLERS_FAULT, SERVED, Stage, UNSUPPORTED, text};

const LIMITED: &str = r#"{"error":{"message":"Rate limit reached. Please try again in 3s.","type":"rate_limit_error","code":"rate_limit_exceeded"}}"#;

/// Everything that was logged, line by line.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        // While there is one listener in all, a line that is first reached by a thread without one is heard by nobody.
        static OTHERS: Once = Once::new();
        OTHERS.call_once(|| {
            let deaf = tracing_subscriber::fmt().with_writer(io::sink).finish();
            let _ = tracing::subscriber::set_global_default(deaf);
        });
        let to = self.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || to.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    fn of(&self, level: &str) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["level"] == level).map(|line| line["fields"].clone()).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn s128_every_attempt_that_failed_is_one_line_with_what_was_decided_and_every_request_is_one() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let scripts =
        vec![vec![Act::Reply(400, UNSUPPORTED)], vec![Act::Reply(429, LIMITED), Act::Reply(200, SERVED)]];
    let stage = Stage::new(scripts);
    assert_eq!(stage.ask().await.status, 200);
    let attempts = lines.of("WARN");
    assert_eq!(attempts.len(), 2, "{attempts:#?}");
    let [first, second] = [&attempts[0], &attempts[1]];
    for (line, credential, class, decision) in
        [(first, "a", "model_unsupported", "next_candidate"), (second, "b", "rate_limited", "wait")]
    {
        assert_eq!((&line["request"], &line["credential"]), (&"req_1".into(), &credential.into()));
        assert_eq!((&line["upstream.model"], &line["class"]), (&"m1".into(), &class.into()));
        assert_eq!((&line["decision"], &line["round"]), (&decision.into(), &0.into()));
        assert!(line["rule"].is_string() && line["elapsed_ms"].is_u64(), "{line}");
    }
    assert_eq!((&first["status"], &first["attempt"], &first["wait_ms"]), (&400.into(), &1.into(), &0.into()));
    assert!(second["wait_ms"].as_u64().unwrap() >= 3000, "{second}");
    let requests = lines.of("INFO");
    assert_eq!(requests.len(), 1, "{requests:#?}");
    let line = &requests[0];
    assert_eq!((&line["request"], &line["model"]), (&"req_1".into(), &"m".into()));
    assert_eq!((&line["outcome"], &line["attempts"]), (&"served".into(), &3.into()));
    assert_eq!((&line["credential"], &line["upstream.model"]), (&"b".into(), &"m1".into()));
    assert!(line["wait_ms"].as_u64().unwrap() >= 3000, "{line}");
}

#[tokio::test(start_paused = true)]
async fn s128_an_end_says_why_it_is_one_also_in_mid_stream() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let beats = vec![(1, Beat::Content("hel")), (1, Beat::Break)];
    let stage = Stage::new(vec![vec![Act::Reply(400, CALLERS_FAULT), Act::Stream(beats)]]);
    let _ = stage.ask().await;
    let _ = text(stage.stream().await).await;
    let decisions: Vec<_> = lines.of("WARN").iter().map(|line| line["decision"].clone()).collect();
    assert_eq!(decisions, ["final", "content_forwarded"]);
    assert_eq!(lines.of("INFO").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_shelf_of_stories_is_bounded_and_the_oldest_go_first() {
    let stage = Stage::new(vec![vec![Act::Reply(200, SERVED)]]);
    for _ in 0..=STORIES_MAX {
        assert_eq!(stage.ask().await.status, 200);
    }
    let story = |number: usize| stage.conductor.story(&format!("req_{number}").as_str().into());
    assert!(story(1).is_none() && story(2).is_some() && story(STORIES_MAX + 1).is_some());
}
