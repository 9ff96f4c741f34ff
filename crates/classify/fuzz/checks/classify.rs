//! Any answer: `just fuzz 60 classify`. The first line of an input is `STATUS [PROVIDER [RETRY-AFTER]]`, the rest the body.

use standin_classify::{Classifier, Observed, Transport, looks_like_error};

/// Panics if it does not hold.
pub(crate) fn holds(data: &[u8]) {
    let (head, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &data[data.len()..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut words = head.split(' ');
    let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    let provider = words.next();
    let headers = [("retry-after", words.next().unwrap_or_default())];
    let transport = if status < 300 { Transport::Sse } else { Transport::Http };
    let seen = Observed {
        status,
        body,
        transport,
        provider,
        headers: &headers,
        models: &["x-1", "best"],
        ..Observed::new(std::time::UNIX_EPOCH)
    };
    let verdict = Classifier::builtin().classify(&seen);
    assert!(verdict.matched.len() <= 200 && verdict.error.message.len() <= 2048);
    let layers = Classifier::builtin().explain(&seen);
    assert_eq!(layers.first().map(|first| (first.class, &first.rule)), Some((verdict.class, &verdict.rule)));
    let _ = looks_like_error(body);
}
