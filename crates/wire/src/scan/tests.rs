//! The scanner beside the parser it has to agree with.

use proptest::prelude::*;

use super::*;

fn takes(text: &[u8]) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.value().is_ok() && scanner.end().is_ok()
}

fn parses(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    crate::depth::check(text.as_bytes()).is_ok()
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[test]
fn values_are_taken_and_their_places_are_right() {
    let text = br#" {"a" : [1, -0.5e+3, "x\"\u00e9"] ,"b":{}, "c":[],"d":null} "#;
    let mut scanner = Scanner::new(text);
    let mut found = Vec::new();
    let read = scanner.object(|scanner, key| {
        let span = scanner.value()?;
        found.push(format!("{}={}", key.escape_ascii(), text[span].escape_ascii()));
        Ok(())
    });
    assert_eq!((read, scanner.end()), (Ok(()), Ok(())));
    assert_eq!(found, [r#"a=[1, -0.5e+3, \"x\\\"\\u00e9\"]"#, "b={}", "c=[]", "d=null"].map(str::to_owned));
}

#[test]
fn what_looks_like_json_and_is_none_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "01",
        "1.",
        "-",
        "1e",
        "+1",
        ".5",
        "tru",
        "nul",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "[]]",
        "{}{}",
        "[}",
        "\u{feff}{}",
    ] {
        assert!(!takes(text.as_bytes()), "{text:?}");
        assert!(!parses(text.as_bytes()), "{text:?}");
    }
    assert!(!takes(b"\"\xff\"") && !takes(b"[\"a\", \"\xc3\"]"));
}

#[test]
fn nesting_ends_where_it_is_said_to() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(takes(nested(DEPTH_MAX).as_bytes()) && !takes(nested(DEPTH_MAX + 1).as_bytes()));
    let mut scanner = Scanner::new(b"[[[1]]]");
    let inner = |scanner: &mut Scanner<'_>| scanner.array(|scanner| scanner.value().map(|_| ()));
    assert_eq!(scanner.array(inner), Ok(()));
}

#[test]
fn escapes_and_ends_are_seen_wherever_a_block_begins() {
    let middles = [
        "\\\"",
        "\\\\",
        "\\\\\\",
        "\\\\\\\"",
        "\\u005c",
        "\\u00g0",
        "\\n\\n\\\"",
        "\\x",
        "é",
        "\\",
        "\u{1f}",
    ];
    for before in 0..140 {
        for middle in middles {
            for after in [0, 1, 31, 32, 33, 63, 64, 65, 96] {
                let text = format!("\"{}{middle}{}\"", "a".repeat(before), "b".repeat(after));
                for text in [text.clone(), text.clone() + &" ".repeat(40), format!("[{text},1]")] {
                    assert_eq!(takes(text.as_bytes()), parses(text.as_bytes()), "{text}");
                }
            }
        }
    }
}

#[test]
fn a_byte_of_no_text_is_seen_wherever_it_stands_in_a_string() {
    for length in 1..140 {
        for at in 0..length {
            let mut text = format!("{{\"{0}\":\"{0}\"}}", "a".repeat(length)).into_bytes();
            assert!(takes(&text));
            let stands = text.len() - 2 - length + at;
            for stands in [2 + at, stands] {
                text[stands] = 0xff;
                assert!(!takes(&text), "{at} of {length}");
                text[stands] = b'a';
            }
        }
    }
}

#[test]
fn a_long_string_is_read_the_same_on_every_processor() {
    let best = Level::new();
    let levels = [
        Level::baseline(),
        best.as_sse4_2().map_or(best, Level::Sse4_2),
        best.as_avx2().map_or(best, Level::Avx2),
        best,
    ];
    let middles = ["", "\\\"", "\\\\", "\\u00e9", "\\x", "é", "\u{1f}", "\\\\\\\"\\n"];
    for before in 0..130 {
        for middle in middles {
            for after in [0, 1, 60, 64, 130] {
                let text = format!("{}{middle}{}\" ", "a".repeat(before), "b".repeat(after));
                let [first, others @ ..] = levels.map(|level| long::read(level, text.as_bytes(), 0));
                for other in others {
                    assert_eq!(first, other, "{text}");
                }
            }
        }
    }
}

/// Pieces that make texts which are nearly JSON.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\"a\""),
        Just("\""),
        Just("\\"),
        Just("0"),
        Just("-1"),
        Just(".5"),
        Just("e9"),
        Just("true"),
        Just("null"),
        Just(" "),
        Just("\n"),
        Just("\\u00e9"),
        Just("é"),
        Just("\"key\":"),
        Just("abcdefghijklmnopqrstuvwxyz abcdefghijklm"),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// A JSON document with one byte changed, or none.
fn documents() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(|number| serde_json::json!(number)),
        any::<i64>().prop_map(|number| serde_json::json!(number)),
        any::<String>().prop_map(|text| serde_json::json!(text)),
        "[a-z\\\\\"\n]{0,200}".prop_map(|text| serde_json::json!(text)),
        any::<bool>().prop_map(|flag| serde_json::json!(flag)),
    ];
    let value = leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    let change = (any::<bool>(), any::<prop::sample::Index>(), any::<u8>());
    (value, any::<bool>(), change).prop_map(|(value, is_pretty, (changes, at, byte))| {
        let text = if is_pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        let mut text = text.unwrap();
        if changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_takes_what_the_parser_takes_and_nothing_else(text in prop_oneof![pieces(), documents()]) {
        prop_assert_eq!(takes(&text), parses(&text), "{}", text.escape_ascii());
    }
}
