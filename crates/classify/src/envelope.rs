//! Opens whatever wrapping an error came in, and lays out the codes, words and delays that were inside.
//!
//! It does not know which provider means what by them.

use crate::{
    field::{DelayField, Field, field},
    scan::{self, Lexer, Token},
    text,
};

/// How often a text may turn out to be JSON with texts in it.
pub(crate) const LEVELS_MAX: usize = 4;
/// How deep containers may lie in each other before they are passed over.
const DEPTH_MAX: usize = 24;
/// How many fields of one body are read.
const LEAVES_MAX: usize = 192;

/// What a field was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Message(u8),
    Code,
    Kind,
    Status,
    Reason,
    Param,
    Quota,
    Delay(DelayField),
}

impl Role {
    /// Its place among all roles, as they are declared.
    fn order(self) -> u16 {
        match self {
            Self::Message(rank) => u16::from(rank),
            Self::Code => 0x100,
            Self::Kind => 0x101,
            Self::Status => 0x102,
            Self::Reason => 0x103,
            Self::Param => 0x104,
            Self::Quota => 0x105,
            Self::Delay(how) => 0x106 + how as u16,
        }
    }
}

/// One field that was read: where it lay, and where its text is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) role: Role,
    pub(crate) level: usize,
    pub(crate) depth: usize,
    /// Its place among all leaves, as one number: by level, depth, role and place in the text.
    order: u64,
    start: usize,
    end: usize,
}

/// Everything that was read of one body. Kept and reused, so that reading allocates nothing once it is warm.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    texts: [String; LEVELS_MAX],
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) has_json: bool,
    pub(crate) has_base_resp: bool,
    pub(crate) has_answer: bool,
    pub(crate) is_google: bool,
    /// Whether an object or text under a name like `error` was seen.
    pub(crate) has_error: bool,
}

#[derive(Clone, Copy)]
struct Frame {
    field: Field,
    is_list: bool,
    is_answer: bool,
}

impl Envelope {
    pub(crate) fn text(&self, leaf: &Leaf) -> &str {
        &self.texts[leaf.level][leaf.start..leaf.end]
    }

    /// Bytes held by the buffers.
    pub(crate) fn capacity(&self) -> usize {
        self.texts.iter().map(String::capacity).sum()
    }

    pub(crate) fn clear(&mut self) {
        for text in &mut self.texts {
            text.clear();
        }
        self.leaves.clear();
        self.has_json = false;
        self.has_base_resp = false;
        self.has_answer = false;
        self.is_google = false;
        self.has_error = false;
    }

    /// Reads a whole body: JSON, the frames of an event stream, or mere words.
    pub(crate) fn read(&mut self, body: &str, reads_answers: bool) {
        let body = text::trim(body.trim_start_matches('\u{feff}'));
        if is_stream(body) {
            for line in body.lines() {
                let data = line.trim().strip_prefix("data:").map(str::trim);
                if let Some(data) = data.filter(|data| !data.is_empty() && *data != "[DONE]") {
                    self.read_part(data, reads_answers);
                }
            }
        } else {
            self.read_part(body, reads_answers);
        }
        self.unwrap_texts(reads_answers);
        self.leaves.retain(|leaf| leaf.start < leaf.end);
        // Orders of fields and of containers mean nothing; only how deep something lies does.
        self.leaves.sort_unstable_by_key(|leaf| leaf.order);
    }

    fn read_part(&mut self, text: &str, reads_answers: bool) {
        if text.starts_with(['{', '"']) || is_list(text) {
            let (taken, was_json) = self.walk(0, text, reads_answers);
            // A message that merely begins with a quoted name is no JSON.
            let is_whole = !text.starts_with('"') || taken >= text.trim_end().len();
            if was_json && taken > 0 && is_whole {
                self.has_json = true;
                return;
            }
        }
        let start = self.texts[0].len();
        self.texts[0].push_str(text);
        self.push(Role::Message(0), 0, 0, start);
    }

    /// Looks for JSON inside of messages, level by level.
    fn unwrap_texts(&mut self, reads_answers: bool) {
        let mut at = 0;
        while at < self.leaves.len() {
            let leaf = self.leaves[at];
            at += 1;
            if !matches!(leaf.role, Role::Message(_)) || leaf.level + 1 >= LEVELS_MAX {
                continue;
            }
            let source = std::mem::take(&mut self.texts[leaf.level]);
            let text = &source[leaf.start..leaf.end];
            if let Some(open) = json_start(text) {
                let before = self.leaves.len();
                let (taken, _) = self.walk(leaf.level + 1, &text[open..], reads_answers);
                if self.leaves.len() > before {
                    // The wrapping's own words stay, the JSON between them has been read.
                    self.leaves[at - 1].end = leaf.start + open;
                    self.push_span(leaf.role, leaf.level, leaf.depth, leaf.start + open + taken, leaf.end);
                }
            }
            self.texts[leaf.level] = source;
        }
    }

    fn push(&mut self, role: Role, level: usize, depth: usize, start: usize) {
        self.push_span(role, level, depth, start, self.texts[level].len());
    }

    fn push_span(&mut self, role: Role, level: usize, depth: usize, start: usize, end: usize) {
        if start < end && self.leaves.len() < LEAVES_MAX {
            let order =
                (level as u64) << 56 | (depth as u64) << 48 | u64::from(role.order()) << 32 | start as u64;
            self.leaves.push(Leaf { role, level, depth, order, start, end });
        }
    }

    /// Reads one JSON value; answers how many bytes it took and whether it had any structure.
    fn walk(&mut self, level: usize, text: &str, reads_answers: bool) -> (usize, bool) {
        let mut frames = [Frame { field: Field::Unknown, is_list: true, is_answer: false }; DEPTH_MAX];
        let mut depth = 0;
        // How deep inside of something that is not read.
        let mut skipped = 0_usize;
        let mut next = Field::Error;
        let mut has_structure = false;
        let mut lexer = Lexer::new(text);
        while let Some(token) = lexer.next() {
            match token {
                Token::Key(name) if skipped == 0 => next = self.name(name, depth),
                Token::Key(_) => {}
                Token::Open | Token::OpenList => {
                    has_structure = true;
                    let top = frames[depth.min(DEPTH_MAX - 1)];
                    let found = if depth > 0 && top.is_list { top.field } else { next };
                    let is_read = depth == 0 || is_container(found, token == Token::OpenList);
                    if skipped > 0 || !is_read || depth + 1 >= DEPTH_MAX {
                        skipped += 1;
                    } else {
                        depth += 1;
                        let is_answer = top.is_answer || matches!(found, Field::Answer);
                        frames[depth] = Frame { field: found, is_list: token == Token::OpenList, is_answer };
                    }
                    next = Field::Unknown;
                }
                Token::Close | Token::CloseList => {
                    if skipped > 0 {
                        skipped -= 1;
                    } else {
                        depth = depth.saturating_sub(1);
                    }
                    next = Field::Unknown;
                    if depth == 0 && skipped == 0 {
                        return (lexer.taken(), has_structure);
                    }
                }
                Token::Text(raw) | Token::Bare(raw) if skipped == 0 => {
                    let top = frames[depth];
                    let found = if depth > 0 && top.is_list { top.field } else { next };
                    let is_text = matches!(token, Token::Text(_));
                    self.leaf(
                        Place { level, depth, is_answer: top.is_answer, reads_answers },
                        found,
                        raw,
                        is_text,
                    );
                    if depth == 0 {
                        return (lexer.taken(), has_structure || is_text);
                    }
                }
                Token::Text(_) | Token::Bare(_) => {}
            }
        }
        (text.len(), has_structure)
    }

    /// Notes the marks by which an envelope is known, and looks the name up.
    fn name(&mut self, name: &str, depth: usize) -> Field {
        let found = field(name);
        match found {
            Field::Error => self.has_error = true,
            Field::Container if name == "base_resp" => self.has_base_resp = true,
            Field::Answer if depth <= 2 => self.has_answer = true,
            _ if name == "stop_reason" => self.has_answer = true,
            _ => {}
        }
        found
    }

    fn leaf(&mut self, place: Place, found: Field, raw: &str, is_text: bool) {
        let Place { level, depth, is_answer, reads_answers } = place;
        if !is_text && matches!(raw, "null" | "None" | "true" | "false" | "True" | "False") {
            return;
        }
        let role = match found {
            Field::Error if is_text => Role::Message(1),
            Field::Error | Field::Code => Role::Code,
            Field::Kind => Role::Kind,
            Field::Status => Role::Status,
            Field::Reason => Role::Reason,
            Field::Param => Role::Param,
            Field::Quota => Role::Quota,
            Field::Delay(how) => Role::Delay(how),
            Field::Message(rank) if is_text && !is_answer => Role::Message(rank),
            Field::Container if is_text && !is_answer => Role::Message(3),
            Field::Content if is_text && reads_answers => Role::Message(0),
            _ => return,
        };
        let start = self.texts[level].len();
        scan::unescape(raw, &mut self.texts[level]);
        self.is_google |=
            role == Role::Kind && self.texts[level][start..].contains("googleapis.com/google.rpc");
        self.push(role, level, depth, start);
        if found == Field::Error && is_symbol(&self.texts[level][start..]) {
            self.push(Role::Code, level, depth, start);
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    level: usize,
    depth: usize,
    is_answer: bool,
    reads_answers: bool,
}

/// Whether fields inside of `found` are read.
const fn is_container(found: Field, is_list: bool) -> bool {
    match found {
        Field::Error | Field::Container | Field::Answer | Field::Content | Field::Message(_) => true,
        Field::Param => is_list,
        // A code and its message, where others have a number.
        Field::Status => !is_list,
        _ => false,
    }
}

/// Whether a text is one word, as codes are.
fn is_symbol(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Whether a text is a list rather than words behind a mark of where they come from, as in `[gateway] [400]: no`.
fn is_list(text: &str) -> bool {
    let first = || text.bytes().skip(1).find(|byte| !byte.is_ascii_whitespace());
    text.starts_with('[') && first().is_some_and(|byte| b"{[]\"'".contains(&byte))
}

/// Whether a body is the frames of an event stream.
fn is_stream(body: &str) -> bool {
    ["data:", "event:", ": ", "id:", "retry:"].iter().any(|start| body.starts_with(start))
        && body.contains("data:")
}

/// Where JSON begins inside of words: at a bracket that a quote or another bracket follows.
fn json_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'{', b'[', bytes).find(|at| {
        let rest = &bytes[at + 1..];
        let is_open = bytes[*at] == b'{' || rest.first().is_some_and(|next| b"{ \n".contains(next));
        let next = || rest.iter().take(64).find(|byte| !byte.is_ascii_whitespace());
        is_open && next().is_some_and(|next| b"\"'{".contains(next))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<(Role, String)> {
        let mut envelope = Envelope::default();
        envelope.read(body, false);
        envelope.leaves.iter().map(|leaf| (leaf.role, envelope.text(leaf).to_owned())).collect()
    }

    fn messages(body: &str) -> Vec<String> {
        read(body)
            .into_iter()
            .filter(|(role, _)| matches!(role, Role::Message(_)))
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn the_words_are_found_in_every_wrapping() {
        for body in [
            r#"{"error":{"message":"no","code":1}}"#,
            r#"{"type":"error","error":{"message":"no"}}"#,
            r#"{"message":"no"}"#,
            r#"{"error":"no"}"#,
            r#"{"detail":"no"}"#,
            r#"{"detail":{"message":"no"}}"#,
            r#"{"detail":[{"loc":["body","x"],"msg":"no"}]}"#,
            r#"[{"error":{"message":"no"}}]"#,
            r#"{"base_resp":{"status_code":1,"status_msg":"no"}}"#,
            r#"{"Response":{"Error":{"Code":"a","Message":"no"}}}"#,
            r#"{"errors":["no"]}"#,
            "{'error': {'message': 'no'}}",
            "data: {\"error\":{\"message\":\"no\"}}\n\ndata: [DONE]\n\n",
            "no",
            "\"no\"",
            "{\"error\":{\"message\":\"no",
        ] {
            assert_eq!(messages(body), ["no"], "{body}");
        }
    }

    #[test]
    fn json_in_strings_is_opened_and_the_words_around_it_stay() {
        let inner = r#"{"error":{"message":"{\"error\":{\"message\":\"deep\",\"code\":\"c\"}}"}}"#;
        assert_eq!(messages(inner), ["deep"]);
        assert_eq!(
            messages(r#"[gateway/x-1] [400]: {"error":{"message":"deep"}}"#),
            ["[gateway/x-1] [400]: ", "deep"]
        );
        assert_eq!(
            messages(r#"{"error":{"message":"wrapped: {\"message\":\"deep\"} end"}}"#),
            ["wrapped: ", " end", "deep"]
        );
    }

    #[test]
    fn unknown_fields_and_what_lies_in_them_are_passed_over() {
        assert_eq!(
            messages(r#"{"request_id":"x","extra":{"message":"y"},"error":{"message":"no","echo":["z"]}}"#),
            ["no"]
        );
    }

    #[test]
    fn what_an_assistant_said_is_no_message() {
        assert_eq!(
            messages(
                r#"{"choices":[{"message":{"role":"assistant","content":"error"},"finish_reason":"stop"}]}"#
            ),
            [""; 0]
        );
    }
}
