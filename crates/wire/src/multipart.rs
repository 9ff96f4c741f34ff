//! Forms with files, as far as routing needs them: which model they name, and where.

use std::ops::Range;

use memchr::memmem;

use crate::{BadRequest, MODEL_BYTES_MAX, RequestHead};

/// Characters of a boundary (RFC 2046).
const BOUNDARY_CHARS_MAX: usize = 70;
/// Parts of a form that are looked at.
const PARTS_MAX: usize = 128;

/// Whether a content type is that of a form with files.
#[must_use]
pub fn is_multipart(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// Reads the head of a form: its field `model`, if it has one, with its place.
///
/// # Errors
/// When it is no form, names the model twice, or names one that cannot be.
pub fn read_multipart(content_type: &str, body: &[u8]) -> Result<RequestHead, BadRequest> {
    let bad = |message: &str| BadRequest { param: None, message: message.to_owned() };
    let boundary = boundary(content_type).ok_or_else(|| bad("The form's content type names no boundary."))?;
    let mut head = RequestHead::default();
    for part in parts(&boundary, body).ok_or_else(|| bad("The form is not framed by its boundary."))? {
        if !names_model(&body[part.head]) {
            continue;
        }
        if head.model.is_some() {
            return Err(about_model("duplicate field `model`"));
        }
        let name =
            std::str::from_utf8(&body[part.value.clone()]).map_err(|_| about_model("it is not UTF-8"))?;
        // A quote would make it look like JSON to whoever puts another name in its place.
        let is_name = !name.is_empty() && name.len() <= MODEL_BYTES_MAX && !name.contains(['\r', '\n', '"']);
        if !is_name {
            return Err(about_model("it is empty, too long, or no name"));
        }
        (head.model, head.model_span) = (Some(name.into()), Some(part.value));
    }
    Ok(head)
}

fn about_model(why: &str) -> BadRequest {
    BadRequest { param: Some("model"), message: format!("Invalid 'model' in the form: {why}.") }
}

fn boundary(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    named.next().filter(|text| !text.is_empty() && text.len() <= BOUNDARY_CHARS_MAX).map(str::to_owned)
}

struct Part {
    head: Range<usize>,
    value: Range<usize>,
}

/// The parts between the boundaries; `None` if there is not one boundary.
fn parts(boundary: &str, body: &[u8]) -> Option<Vec<Part>> {
    let opening = format!("--{boundary}");
    let between = format!("\r\n--{boundary}");
    let mut at = match body.starts_with(opening.as_bytes()) {
        true => opening.len(),
        false => memmem::find(body, between.as_bytes())? + between.len(),
    };
    let finder = memmem::Finder::new(between.as_bytes());
    let mut parts = Vec::new();
    while parts.len() < PARTS_MAX && !body[at..].starts_with(b"--") {
        let end = at + finder.find(&body[at..])?;
        let head_end = at + memmem::find(&body[at..end], b"\r\n\r\n")?;
        parts.push(Part { head: at..head_end, value: head_end + 4..end });
        at = end + between.len();
    }
    Some(parts)
}

/// Whether the head of a part says that it is the field `model`.
fn names_model(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    text.lines().any(|line| {
        let Some((name, value)) = line.split_once(':') else { return false };
        let mut parameters = value.split(';').skip(1).map(str::trim);
        name.trim().eq_ignore_ascii_case("content-disposition")
            && parameters.any(|parameter| matches!(parameter, "name=\"model\"" | "name=model"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=\"x-1\"";

    fn form(parts: &[(&str, &str)]) -> Vec<u8> {
        let part = |(name, value): &(&str, &str)| {
            format!("--x-1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let parts: String = parts.iter().map(part).collect();
        format!("{parts}--x-1--\r\n").into_bytes()
    }

    #[test]
    fn the_model_is_found_with_its_place_wherever_it_stands() {
        let body =
            form(&[("file", "RIFF\0\r\nmodel\r\n--x-2\r\n"), ("model", "whisper-1"), ("language", "en")]);
        let head = read_multipart(KIND, &body).unwrap();
        assert_eq!(head.model.as_deref(), Some("whisper-1"));
        assert_eq!(&body[head.model_span.unwrap()], b"whisper-1");
        assert_eq!(read_multipart(KIND, &form(&[("file", "x")])).unwrap().model, None);
    }

    #[test]
    fn what_two_readers_might_read_in_two_ways_is_refused() {
        let refused = |body: &[u8]| read_multipart(KIND, body).unwrap_err();
        assert_eq!(refused(&form(&[("model", "a"), ("model", "b")])).param, Some("model"));
        for name in ["", "\"a\"", "a\r\nb", &"m".repeat(300)] {
            assert_eq!(refused(&form(&[("model", name)])).param, Some("model"), "{name:?}");
        }
        for body in [&b""[..], b"{}", b"--x-1\r\nno head", b"--x-1\r\nA: b\r\n\r\nno end"] {
            assert_eq!(refused(body).param, None, "{body:?}");
        }
        assert!(read_multipart("multipart/form-data", &form(&[])).is_err());
    }
}
