//! Whole replies: answers are answers, and nothing else is.

use standin_wire::{WholeReply, read_reply};

use crate::{SHOWN, all, text};

#[test]
fn a_sound_reply_is_an_answer_and_nothing_else_is() {
    let mut wrong = Vec::new();
    for case in all().filter(|case| case.response.is_some() && !case.is_streaming) {
        let seen = read_reply(case.dialect, case.operation(), case.response.as_deref().unwrap());
        let is_answer = matches!(seen, WholeReply::Complete { .. });
        if is_answer != case.is_sound() {
            wrong.push(format!("{} {}: {seen:?}", case.dialect, case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_name_of_the_model_is_all_that_changes_in_an_answer() {
    let mut named = 0;
    for case in all().filter(|case| case.is_sound() && !case.is_streaming) {
        let body = case.response.as_deref().unwrap();
        let WholeReply::Complete { model_span, .. } = read_reply(case.dialect, case.operation(), body) else {
            panic!("{}", case.name)
        };
        let Some(span) = model_span else { continue };
        named += 1;
        let spliced = standin_wire::splice_model(&body.to_vec().into(), &span, SHOWN);
        let name: String = serde_json::from_slice(&body[span.clone()]).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&spliced).unwrap();
        let places = [&json["model"], &json["modelVersion"], &json["response"]["modelVersion"]];
        assert!(places.iter().any(|place| *place == SHOWN), "{}: {json}", case.name);
        assert_eq!(text(&spliced).replacen(SHOWN, &name, 1), text(body), "{}", case.name);
    }
    assert!(named == 0 || named > 200, "only {named} answers name their model");
}
