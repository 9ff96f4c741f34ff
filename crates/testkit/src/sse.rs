//! Reads a finished event stream for assertions; the product's own reader is what is being tested.

/// The `data` of each event of a stream, in order; comments and other fields are left out.
#[must_use]
pub fn data(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let events = text.split("\n\n").map(|event| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>()
    });
    events.filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n")).collect()
}

/// One event with this data, in the plainest form.
#[must_use]
pub fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_left_out_and_lines_of_one_event_are_joined() {
        let stream = b": ping\n\ndata: {\"a\":1}\r\n\r\nevent: x\ndata:b\ndata: c\n\ndata: [DONE]\n\n";
        assert_eq!(data(stream), ["{\"a\":1}", "b\nc", "[DONE]"]);
        assert_eq!(data(event("x").as_bytes()), ["x"]);
    }
}
