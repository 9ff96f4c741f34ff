//! What a picture costs: by its size where its first bytes tell it, else by a price of its dialect.

use base64::{Engine, engine::general_purpose::STANDARD};
use standin_core::Dialect;

/// Characters of a picture's base64 that are looked at: the size of a JPEG may stand behind a thumbnail.
const LOOKED_AT_MAX: usize = 128 * 1024;

/// Tokens of a picture. `data` is its base64, if the request carries it; `is_low` is OpenAI's `detail: "low"`.
pub(crate) fn tokens(dialect: Dialect, data: Option<&str>, is_low: bool) -> u64 {
    let size = data.and_then(size);
    match dialect {
        // 85 for the whole, 170 for each tile of 512 after scaling into 2048 and to a shorter side of 768.
        Dialect::OpenaiChat | Dialect::OpenaiResponses if is_low => 85,
        Dialect::OpenaiChat | Dialect::OpenaiResponses => size.map_or(765, |size| 85 + 170 * tiles(size)),
        // Width times height over 750, of what is left after scaling to 1568.
        Dialect::AnthropicMessages => size.map_or(1600, |(width, height)| {
            let (width, height) = fit(width, height, 1568);
            (width * height / 750).clamp(1, 1600)
        }),
        // 258 for a small picture, and for each tile of 768 of a larger one.
        Dialect::Gemini => size.map_or(258, |(width, height)| match width.max(height) <= 384 {
            true => 258,
            false => 258 * width.div_ceil(768) * height.div_ceil(768),
        }),
    }
}

fn tiles((width, height): (u64, u64)) -> u64 {
    let (width, height) = fit(width, height, 2048);
    let shorter = width.min(height).max(1);
    let scaled = |side: u64| if shorter > 768 { side * 768 / shorter } else { side };
    scaled(width).div_ceil(512).max(1) * scaled(height).div_ceil(512).max(1)
}

fn fit(width: u64, height: u64, most: u64) -> (u64, u64) {
    let longer = width.max(height);
    if longer <= most { (width, height) } else { (width * most / longer, height * most / longer) }
}

/// Width and height of a PNG, GIF, WebP or JPEG.
fn size(data: &str) -> Option<(u64, u64)> {
    let start = data.as_bytes().get(..data.len().min(LOOKED_AT_MAX) / 4 * 4)?;
    let bytes = STANDARD.decode(start).ok()?;
    let at = |from: usize, count: usize, is_big: bool| -> Option<u64> {
        let part = bytes.get(from..from + count)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Some(if is_big { part.iter().fold(0, add) } else { part.iter().rev().fold(0, add) })
    };
    let (width, height) = if bytes.starts_with(b"\x89PNG") {
        (at(16, 4, true)?, at(20, 4, true)?)
    } else if bytes.starts_with(b"GIF8") {
        (at(6, 2, false)?, at(8, 2, false)?)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..15) == Some(b"WEBPVP8") {
        match bytes.get(15)? {
            b'X' => (at(24, 3, false)? + 1, at(27, 3, false)? + 1),
            b'L' => {
                let packed = at(21, 4, false)?;
                ((packed & 0x3fff) + 1, ((packed >> 14) & 0x3fff) + 1)
            }
            _ => (at(26, 2, false)? & 0x3fff, at(28, 2, false)? & 0x3fff),
        }
    } else if bytes.starts_with(b"\xff\xd8") {
        let frame = jpeg_frame(&bytes)?;
        (at(frame + 7, 2, true)?, at(frame + 5, 2, true)?)
    } else {
        return None;
    };
    // A header may claim anything.
    (width > 0 && height > 0).then(|| (width.min(1 << 16), height.min(1 << 16)))
}

/// Where the segment stands that begins the picture: `ff c0` to `ff cf`, without tables and the like.
fn jpeg_frame(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    while bytes.get(at) == Some(&0xff) {
        let kind = *bytes.get(at + 1)?;
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            return Some(at);
        }
        let length = usize::from(*bytes.get(at + 2)?) << 8 | usize::from(*bytes.get(at + 3)?);
        at += 2 + length;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> String {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.resize(33, 0);
        STANDARD.encode(bytes)
    }

    #[test]
    fn a_picture_costs_by_its_size_as_each_provider_documents_it() {
        let of = |dialect, width, height| tokens(dialect, Some(&png(width, height)), false);
        assert_eq!(of(Dialect::OpenaiChat, 1024, 1024), 765);
        assert_eq!(of(Dialect::OpenaiResponses, 2048, 4096), 1105);
        assert_eq!(of(Dialect::AnthropicMessages, 1000, 1000), 1333);
        assert_eq!(of(Dialect::AnthropicMessages, 9000, 9000), 1600);
        assert_eq!(of(Dialect::Gemini, 384, 384), 258);
        assert_eq!(of(Dialect::Gemini, 960, 540), 516);
    }

    #[test]
    fn every_format_tells_its_size() {
        let encoded = |bytes: &[u8]| STANDARD.encode([bytes, &[0; 12]].concat());
        assert_eq!(size(&encoded(b"GIF89a\x10\x00\x20\x00")), Some((16, 32)));
        assert_eq!(
            size(&encoded(b"\xff\xd8\xff\xe0\0\x04\0\0\xff\xc2\0\x11\x08\0\x20\0\x10")),
            Some((16, 32))
        );
        assert_eq!(size(&encoded(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0")), Some((16, 32)));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x10\0\x20\0";
        assert_eq!(size(&encoded(lossy)), Some((16, 32)));
    }

    #[test]
    fn what_is_no_picture_has_a_price_of_its_dialect() {
        for data in [None, Some(""), Some("%%%"), Some("aGVsbG8="), Some("iVBORw0KGgo=")] {
            assert_eq!(tokens(Dialect::AnthropicMessages, data, false), 1600, "{data:?}");
        }
        assert_eq!(tokens(Dialect::OpenaiChat, None, true), 85);
    }
}
