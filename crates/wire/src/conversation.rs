//! Which conversation a request belongs to: by the key that it names, or by how the conversation began.

use crate::{
    digest::Digest,
    scan::{Broken, Scanner},
    splice::quoted,
    top::{Field, Top},
    value::find,
};

/// How the text begins in which Claude Code says its version, which changes while a conversation goes on.
const BILLING: &[u8] = b"\"x-anthropic-billing-header";
/// What marks how far a prompt may be cached: it moves on with every turn.
const MARKER: &[u8] = b"cache_control";

/// Digest of the first key that names the conversation, in the order of the policy.
pub(crate) fn session(top: &Top<'_>) -> Option<u64> {
    let named = |field| top.raw(field).filter(|raw| is_name(raw)).map(digest);
    let conversation = top.raw(Field::Conversation).map(|raw| match find(raw, &["id"]) {
        Some(id) => &raw[id],
        None => raw,
    });
    named(Field::PromptCacheKey)
        .or_else(|| named(Field::PreviousResponse))
        .or_else(|| conversation.filter(|raw| is_name(raw)).map(digest))
        .or_else(|| top.raw(Field::Metadata).and_then(named_in))
}

/// The same digest for a conversation that goes on from a response: its next request names it so.
#[must_use]
pub fn session_after(response_id: &str) -> u64 {
    digest(quoted(response_id).as_bytes())
}

fn is_name(raw: &[u8]) -> bool {
    !matches!(raw, b"null" | b"\"\"" | b"{}")
}

fn digest(key: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.write(key);
    digest.finish()
}

/// The session in `metadata`: a field of its own, or within the `user_id` that Claude Code writes, which is JSON in a
/// string and was a name with `_session_` in it before.
fn named_in(metadata: &[u8]) -> Option<u64> {
    if let Some(span) = find(metadata, &["session_id"]) {
        return Some(digest(&metadata[span]));
    }
    let user: String = serde_json::from_slice(&metadata[find(metadata, &["user_id"])?]).ok()?;
    if let Some(span) = find(user.as_bytes(), &["session_id"]) {
        return Some(digest(&user.as_bytes()[span]));
    }
    let (_, session) = user.rsplit_once("_session_")?;
    Some(digest(session.as_bytes()))
}

/// Adds what stands in a prompt or a message, without what changes from turn to turn: a text, or a list of blocks.
pub(crate) fn write_content(digest: &mut Digest, content: &[u8]) {
    let mut blocks = Digest::default();
    if content.first() == Some(&b'[') && read_blocks(&mut blocks, content).is_ok() {
        digest.join(blocks.finish());
    } else {
        digest.write_text(content);
    }
}

fn read_blocks(digest: &mut Digest, content: &[u8]) -> Result<(), Broken> {
    let mut scanner = Scanner::new(content);
    scanner.array(|scanner| {
        if scanner.peek() != Some(b'{') {
            let span = scanner.value()?;
            digest.write_text(&content[span]);
            return Ok(());
        }
        let (mut block, mut is_billing) = (Digest::default(), false);
        scanner.object(|scanner, key| {
            let value = &content[scanner.value()?];
            is_billing |= value.starts_with(BILLING);
            if key != MARKER {
                block.write(key);
                block.write_text(value);
            }
            Ok(())
        })?;
        if !is_billing {
            digest.join(block.finish());
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use standin_core::{Dialect, Operation};

    use crate::{RequestHead, read_request, session_after};

    fn read(dialect: Dialect, body: &str) -> RequestHead {
        read_request(dialect, Operation::Passthrough, body.as_bytes()).unwrap()
    }

    fn chat(body: &str) -> Result<RequestHead, crate::BadRequest> {
        read_request(Dialect::OpenaiChat, Operation::ChatCompletions, body.as_bytes())
    }

    #[test]
    fn later_turns_of_a_conversation_share_the_opening_of_its_first() {
        let first = chat(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#,
        );
        let later = chat(
            r#"{"model":"m","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
                {"role":"assistant","content":"yes"},{"role":"user","content":"and?"}]}"#,
        );
        let (first, later) = (first.unwrap(), later.unwrap());
        assert_eq!(first.opening, later.opening);
        assert_eq!((first.has_assistant_turn, later.has_assistant_turn), (false, true));
        let other = chat(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_ne!(first.opening, other.opening);
    }

    #[test]
    fn an_explicit_session_key_is_read_in_the_order_of_the_policy() {
        let both = chat(r#"{"model":"m","previous_response_id":"r","prompt_cache_key":"k"}"#).unwrap();
        let one = chat(r#"{"prompt_cache_key":"k","model":"m"}"#).unwrap();
        assert_eq!(both.session, one.session);
        assert!(one.session.is_some());
        assert_eq!(chat(r#"{"model":"m","prompt_cache_key":null}"#).unwrap().session, None);
    }

    #[test]
    fn the_session_is_found_wherever_a_client_puts_it() {
        let of = |body: &str| read(Dialect::AnthropicMessages, body).session;
        let json = of(r#"{"metadata":{"user_id":"{\"device_id\":\"0\",\"session_id\":\"7\"}"}}"#);
        let later = of(r#"{"metadata":{"user_id":"{\"device_id\":\"1\",\"session_id\":\"7\"}"}}"#);
        assert!(json.is_some() && json == later);
        assert!(of(r#"{"metadata":{"user_id":"user_a_account_b_session_7"}}"#).is_some());
        assert_eq!(of(r#"{"metadata":{"user_id":"somebody"}}"#), None);
        let responses = |body: &str| read(Dialect::OpenaiResponses, body).session;
        assert_eq!(responses(r#"{"previous_response_id":"resp_1"}"#), Some(session_after("resp_1")));
        assert_eq!(responses(r#"{"conversation":"c"}"#), responses(r#"{"conversation":{"id":"c"}}"#));
        assert_eq!(responses(r#"{"conversation":null,"previous_response_id":""}"#), None);
    }

    #[test]
    fn what_changes_from_turn_to_turn_does_not_change_the_opening() {
        let opening = |version: &str, marker: &str| {
            let body = format!(
                r#"{{"system":[{{"type":"text","text":"x-anthropic-billing-header: cc_version={version};"}},{{"type":"text","text":"Be kind."}}],"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"{marker}}}]}}]}}"#
            );
            read(Dialect::AnthropicMessages, &body).opening
        };
        let marker = r#","cache_control":{"type":"ephemeral"}"#;
        assert_eq!(opening("1", marker), opening("2", marker));
        assert_eq!(opening("1", marker), opening("1", ""));
        let other = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"ho"}]}]}"#;
        assert_ne!(opening("1", ""), read(Dialect::AnthropicMessages, other).opening);
    }

    #[test]
    fn a_turn_of_the_model_is_seen_in_every_dialect() {
        let cases = [
            (
                Dialect::OpenaiResponses,
                r#"{"input":[{"role":"user","content":"a"},ITEM]}"#,
                r#"{"type":"function_call"}"#,
            ),
            (
                Dialect::OpenaiResponses,
                r#"{"input":[{"role":"user","content":"a"},ITEM]}"#,
                r#"{"type":"web_search_call"}"#,
            ),
            (
                Dialect::OpenaiResponses,
                r#"{"input":[{"role":"user","content":"a"},ITEM]}"#,
                r#"{"type":"message","role":"assistant"}"#,
            ),
            (
                Dialect::Gemini,
                r#"{"contents":[{"role":"user","parts":[]},ITEM]}"#,
                r#"{"role":"model","parts":[]}"#,
            ),
            (
                Dialect::AnthropicMessages,
                r#"{"messages":[{"role":"user","content":"a"},ITEM]}"#,
                r#"{"role":"assistant","content":"b"}"#,
            ),
        ];
        for (dialect, body, item) in cases {
            assert!(read(dialect, &body.replace("ITEM", item)).has_assistant_turn, "{item}");
            let before = body.replace("ITEM", r#"{"role":"system","content":"b"}"#);
            assert!(!read(dialect, &before).has_assistant_turn, "{before}");
        }
    }
}
