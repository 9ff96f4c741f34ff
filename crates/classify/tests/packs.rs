//! Every rule catches its examples and leaves its look-alikes alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{path::PathBuf, time::UNIX_EPOCH};

use standin_classify::{Classifier, Observed, Transport};

#[path = "../build/schema.rs"]
#[expect(dead_code, reason = "the build script reads the rest of a pack")]
mod schema;

fn decided_by(family: &str, is_generic: bool, sample: &schema::Sample) -> String {
    let headers: Vec<(String, String)> = sample
        .headers
        .iter()
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let provider = match sample.provider.as_deref() {
        Some("none") => None,
        Some(other) => Some(other),
        None => (!is_generic).then_some(family),
    };
    let transport = match sample.transport.as_str() {
        "sse" => Transport::Sse,
        "body200" => Transport::Body200,
        _ => Transport::Http,
    };
    let seen = Observed {
        status: sample.status,
        headers: &headers,
        body: sample.body.as_bytes(),
        transport,
        provider,
        ..Observed::new(UNIX_EPOCH)
    };
    Classifier::builtin().classify(&seen).rule.into_owned()
}

#[test]
fn every_rule_decides_its_examples_and_not_its_look_alikes() {
    let packs = schema::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packs")).unwrap();
    let mut wrong = Vec::new();
    for pack in &packs {
        for rule in &pack.rules {
            let id = format!("{}/{}", pack.family, rule.id);
            for sample in &rule.example {
                let found = decided_by(&pack.family, pack.generic, sample);
                if found != id {
                    wrong.push(format!("{id} misses {:?}: {found} decides", sample.body));
                }
            }
            for sample in &rule.look_alike {
                if decided_by(&pack.family, pack.generic, sample) == id {
                    wrong.push(format!("{id} takes {:?}", sample.body));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
