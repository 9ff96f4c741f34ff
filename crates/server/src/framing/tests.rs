use proptest::prelude::*;

use super::*;

const HEAD_MAX: usize = 10_000;

/// What is found when the bytes come whole; the same has to be found however they are split.
fn check(bytes: &[u8], expected: Option<(u64, Objection)>) -> Framing {
    let mut whole = Framing::new(HEAD_MAX);
    whole.push(bytes);
    let expected = expected.map(|(request, objection)| Finding { request, objection });
    assert_eq!(whole.finding(), expected, "{}", bytes.escape_ascii());
    for at in 0..bytes.len() {
        let mut split = Framing::new(HEAD_MAX);
        split.push(&bytes[..at]);
        split.push(&bytes[at..]);
        assert_eq!((split.finding(), split.stage), (expected, whole.stage), "split at {at}");
    }
    let mut dripped = Framing::new(HEAD_MAX);
    bytes.iter().for_each(|byte| dripped.push(&[*byte]));
    assert_eq!((dripped.finding(), dripped.stage), (expected, whole.stage), "byte by byte");
    whole
}

#[test]
fn requests_of_every_framing_are_followed_to_their_end() {
    let plain = b"\r\nGET /a HTTP/1.1\r\nhost: h\r\n\r\n";
    let sized = b"POST /b HTTP/1.1\r\nContent-Length:5\r\n\r\nGET /";
    let chunked = b"POST /c HTTP/1.1\r\ntransfer-encoding: CHUNKED\r\n\r\n3;x=y\r\n\r\n\r\r\nA\r\n0123456789\r\n0\r\nt: 1\r\n\r\n";
    let all = check(&[&plain[..], sized, chunked, plain].concat(), None);
    assert_eq!((all.requests, all.stage), (4, Stage::Between));
}

#[test]
fn a1_what_two_readers_might_frame_in_two_ways_is_found() {
    let head = |lines: &str| format!("POST / HTTP/1.1\r\nhost: h\r\n{lines}\r\n").into_bytes();
    let cases = [
        ("content-length: 5\r\ntransfer-encoding: chunked\r\n", Objection::LengthAndCoding),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Objection::LengthAndCoding),
        ("content-length: 5\r\ncontent-length: 5\r\n", Objection::SeveralLengths),
        ("content-length: 5\r\nx: y\r\ncontent-length: 6\r\n", Objection::SeveralLengths),
        ("transfer-encoding: identity, chunked\r\n", Objection::OddCoding),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Objection::OddCoding),
        ("x: y\nz: 1\r\n", Objection::BareLineEnd),
        (&"x: 0123456789\r\n".repeat(HEAD_MAX / 15), Objection::LongHead),
    ];
    for (lines, objection) in cases {
        check(&head(lines), Some((0, objection)));
        let before = head("content-length: 2\r\n");
        check(&[&before[..], b"ok", &head(lines), b"GET /smuggled"].concat(), Some((1, objection)));
    }
}

#[test]
fn headers_that_only_look_alike_frame_nothing() {
    let long = format!("x-{}: {}\r\n", "n".repeat(90), "v".repeat(9000));
    for lines in ["content-lengthy: 1\r\nx-content-length: 2\r\n", "te: chunked\r\n", &long] {
        let followed = check(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes(), None);
        assert_eq!(followed.stage, Stage::Between, "{lines}");
    }
}

#[test]
fn a_reader_that_is_lost_goes_blind_and_leaves_it_to_hyper() {
    for lost in [
        "POST / HTTP/1.1\r\ncontent-length: +3\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nno\r\n",
    ] {
        assert_eq!(check(lost.as_bytes(), None).stage, Stage::Blind);
    }
}

/// A request of any framing that is plain to everybody.
fn plain_request() -> impl Strategy<Value = Vec<u8>> {
    let name = "[A-Za-z][A-Za-z-]{0,80}";
    let notes = prop::collection::vec((name, "[ -~]{0,100}"), 0..4);
    let chunk = ("[ -~\r\n]{1,40}", prop::option::of("[a-z=]{1,90}"));
    let body = prop_oneof![
        Just(None),
        "[ -~\r\n]{0,200}".prop_map(|text| Some(Ok(text))),
        prop::collection::vec(chunk, 0..4).prop_map(|chunks| Some(Err(chunks))),
    ];
    (notes, body, any::<bool>()).prop_map(|(notes, body, is_upper)| {
        let mut head = "POST /v1/x HTTP/1.1\r\nhost: h\r\n".to_owned();
        let framing = ["content-length", "transfer-encoding"];
        for (name, value) in notes.iter().filter(|(name, _)| !framing.contains(&&*name.to_lowercase())) {
            head += &format!("{name}: {value}\r\n");
        }
        let name = |name: &str| if is_upper { name.to_uppercase() } else { name.to_owned() };
        let rest = match body {
            None => String::new(),
            Some(Ok(text)) => {
                head += &format!("{}: {}\r\n", name("content-length"), text.len());
                text
            }
            Some(Err(chunks)) => {
                head += &format!("{}:\tchunked \r\n", name("transfer-encoding"));
                let chunk = |(data, extension): &(String, Option<String>)| {
                    let extension = extension.as_ref().map(|text| format!(";{text}")).unwrap_or_default();
                    format!("{:X}{extension}\r\n{data}\r\n", data.len())
                };
                format!("{}0\r\n\r\n", chunks.iter().map(chunk).collect::<String>())
            }
        };
        format!("{head}\r\n{rest}").into_bytes()
    })
}

proptest! {
    #[test]
    fn a2_whatever_stands_in_bodies_and_however_they_are_cut_requests_are_counted(
        requests in prop::collection::vec(plain_request(), 1..6),
        cuts in prop::collection::vec(1..100_usize, 1..50),
    ) {
        let (bytes, count) = (requests.concat(), requests.len() as u64);
        let ambiguous = b"GET / HTTP/1.1\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n";
        let mut followed = Framing::new(HEAD_MAX);
        let mut rest = &bytes[..];
        for cut in cuts.into_iter().cycle() {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            followed.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!((followed.requests, followed.stage, followed.finding), (count, Stage::Between, None));
        followed.push(ambiguous);
        let objection = Objection::SeveralLengths;
        prop_assert_eq!(followed.finding, Some(Finding { request: count, objection }));
    }
}
