//! What an upstream says it used. Everything is optional: unknown is not zero.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::scan::{Broken, Scanner};

/// Tokens as the upstream counted them; `None` means that it did not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All tokens of the prompt, cached ones included.
    pub input_tokens: Option<u64>,
    /// Tokens of the prompt that were read from a cache.
    pub cached_input_tokens: Option<u64>,
    /// Tokens of the prompt that were written to a cache.
    pub cache_write_tokens: Option<u64>,
    /// All tokens of the answer, reasoning included.
    pub output_tokens: Option<u64>,
    /// Tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// The sum, where the upstream gives one.
    pub total_tokens: Option<u64>,
}

impl Usage {
    /// Whether the upstream counted an answer.
    pub(crate) fn was_billed(&self) -> bool {
        self.output_tokens.is_some_and(|tokens| tokens > 0)
    }
}

/// Usage in a shape that nobody expects is unknown usage, not a broken answer.
pub(crate) fn lenient<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let raw = <&RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

/// Usage as OpenAI Chat and its many relatives write it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ChatUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    prompt_tokens_details: Option<InputDetails>,
    #[serde(default, deserialize_with = "lenient")]
    completion_tokens_details: Option<OutputDetails>,
    /// Moonshot.
    cached_tokens: Option<u64>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Option<u64>,
    /// Perplexity.
    reasoning_tokens: Option<u64>,
}

impl ChatUsage {
    /// The same, read where it stands. What is unusual in any way is left to the parser: a count that is none, a key
    /// that is escaped or stands there twice.
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        let mut usage = Self::default();
        scanner.object(|scanner, key| match key {
            b"prompt_tokens" => count(&mut usage.prompt_tokens, scanner),
            b"completion_tokens" => count(&mut usage.completion_tokens, scanner),
            b"total_tokens" => count(&mut usage.total_tokens, scanner),
            b"cached_tokens" => count(&mut usage.cached_tokens, scanner),
            b"prompt_cache_hit_tokens" => count(&mut usage.prompt_cache_hit_tokens, scanner),
            b"reasoning_tokens" => count(&mut usage.reasoning_tokens, scanner),
            b"prompt_tokens_details" => once(&mut usage.prompt_tokens_details, InputDetails::scan(scanner)?),
            b"completion_tokens_details" => {
                once(&mut usage.completion_tokens_details, OutputDetails::scan(scanner)?)
            }
            _ => pass(key, scanner),
        })?;
        Ok(usage)
    }
}

impl InputDetails {
    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        let mut details = Self::default();
        scanner.object(|scanner, key| match key {
            b"cached_tokens" => count(&mut details.cached_tokens, scanner),
            b"cache_write_tokens" => count(&mut details.cache_write_tokens, scanner),
            _ => pass(key, scanner),
        })?;
        Ok(details)
    }
}

impl OutputDetails {
    fn scan(scanner: &mut Scanner<'_>) -> Result<Self, Broken> {
        let mut details = Self::default();
        scanner.object(|scanner, key| match key {
            b"reasoning_tokens" => count(&mut details.reasoning_tokens, scanner),
            _ => pass(key, scanner),
        })?;
        Ok(details)
    }
}

/// Takes a number of tokens.
fn count(into: &mut Option<u64>, scanner: &mut Scanner<'_>) -> Result<(), Broken> {
    let mut number = 0_u64;
    // What is taken as a value and holds nothing but digits is a number: at least one, and none in front for nothing.
    for byte in scanner.raw_value()? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(Broken);
        }
        number = number.checked_mul(10).and_then(|ten| ten.checked_add(digit.into())).ok_or(Broken)?;
    }
    once(into, number)
}

/// Takes what no count stands in.
fn pass(key: &[u8], scanner: &mut Scanner<'_>) -> Result<(), Broken> {
    if key.contains(&b'\\') { Err(Broken) } else { scanner.value().map(|_| ()) }
}

/// Puts what was found in a place that nothing was found for before.
pub(crate) fn once<T>(place: &mut Option<T>, found: T) -> Result<(), Broken> {
    match place.replace(found) {
        None => Ok(()),
        Some(_) => Err(Broken),
    }
}

/// Usage as OpenAI Responses writes it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ResponsesUsage {
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    input_tokens_details: Option<InputDetails>,
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    output_tokens_details: Option<OutputDetails>,
    total_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

/// Usage as Anthropic writes it: piece by piece, later pieces over earlier ones.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(crate) struct MessagesUsage {
    /// Without what was read from or written to a cache.
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    output_tokens_details: Option<ThinkingDetails>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct ThinkingDetails {
    thinking_tokens: Option<u64>,
}

/// Usage as Gemini writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GeminiUsage {
    prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    /// Without thoughts.
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    total_token_count: Option<u64>,
}

impl From<ChatUsage> for Usage {
    fn from(said: ChatUsage) -> Self {
        let input = said.prompt_tokens_details.unwrap_or_default();
        let reasoning = said.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        Self {
            input_tokens: said.prompt_tokens,
            cached_input_tokens: input.cached_tokens.or(said.cached_tokens).or(said.prompt_cache_hit_tokens),
            cache_write_tokens: input.cache_write_tokens,
            output_tokens: said.completion_tokens,
            reasoning_tokens: reasoning.or(said.reasoning_tokens),
            total_tokens: said.total_tokens,
        }
    }
}

impl From<ResponsesUsage> for Usage {
    fn from(said: ResponsesUsage) -> Self {
        let input = said.input_tokens_details.unwrap_or_default();
        Self {
            input_tokens: said.input_tokens,
            cached_input_tokens: input.cached_tokens,
            cache_write_tokens: input.cache_write_tokens,
            output_tokens: said.output_tokens,
            reasoning_tokens: said.output_tokens_details.and_then(|details| details.reasoning_tokens),
            total_tokens: said.total_tokens,
        }
    }
}

impl MessagesUsage {
    /// Takes over what a later piece says.
    pub(crate) fn merge(&mut self, later: &Self) {
        let newer = |old: &mut Option<u64>, new: Option<u64>| *old = new.or(*old);
        newer(&mut self.input_tokens, later.input_tokens);
        newer(&mut self.cache_read_input_tokens, later.cache_read_input_tokens);
        newer(&mut self.cache_creation_input_tokens, later.cache_creation_input_tokens);
        newer(&mut self.output_tokens, later.output_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }
}

impl From<MessagesUsage> for Usage {
    fn from(said: MessagesUsage) -> Self {
        let (read, written) = (said.cache_read_input_tokens, said.cache_creation_input_tokens);
        let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        Self {
            input_tokens: said.input_tokens.map(|fresh| fresh.saturating_add(cached)),
            cached_input_tokens: read,
            cache_write_tokens: written,
            output_tokens: said.output_tokens,
            reasoning_tokens: said.output_tokens_details.and_then(|details| details.thinking_tokens),
            total_tokens: None,
        }
    }
}

impl From<GeminiUsage> for Usage {
    fn from(said: GeminiUsage) -> Self {
        let (spoken, thought) = (said.candidates_token_count, said.thoughts_token_count);
        let output = spoken.unwrap_or(0).saturating_add(thought.unwrap_or(0));
        Self {
            input_tokens: said.prompt_token_count,
            cached_input_tokens: said.cached_content_token_count,
            cache_write_tokens: None,
            output_tokens: spoken.or(thought).map(|_| output),
            reasoning_tokens: thought,
            total_tokens: said.total_token_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anthropic_counts_the_cache_apart_and_later_pieces_win() {
        let piece = |json: &str| serde_json::from_str::<MessagesUsage>(json).unwrap();
        let mut usage = piece(r#"{"input_tokens":4,"cache_read_input_tokens":10,"output_tokens":1}"#);
        usage.merge(&piece(r#"{"output_tokens":7,"cache_creation_input_tokens":3,"input_tokens":null}"#));
        let usage = Usage::from(usage);
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(17), Some(7)));
        assert_eq!((usage.cached_input_tokens, usage.cache_write_tokens), (Some(10), Some(3)));
    }

    #[test]
    fn what_is_read_in_place_is_what_the_parser_reads_and_the_rest_is_left_to_it() {
        let scanned = |json: &str| {
            let mut scanner = Scanner::new(json.as_bytes());
            let usage = ChatUsage::scan(&mut scanner).and_then(|usage| scanner.end().map(|()| usage));
            usage.ok().map(Usage::from)
        };
        let counts = r#""prompt_tokens":9,"completion_tokens":12,"total_tokens":21"#;
        for more in [
            "",
            r#","cached_tokens":7,"reasoning_tokens":5"#,
            r#","prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":1"#,
            r#","prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0,"cache_write_tokens":2}"#,
            r#","completion_tokens_details":{"reasoning_tokens":6,"accepted_prediction_tokens":0},"cost":0.1"#,
            r#","prompt_tokens_details":{},"completion_tokens_details":{},"vendor":{"prompt_tokens":1}"#,
        ] {
            let json = format!("{{{counts}{more}}}");
            let parsed = Usage::from(serde_json::from_str::<ChatUsage>(&json).unwrap());
            assert_eq!(scanned(&json), Some(parsed), "{json}");
        }
        for more in [
            r#","cached_tokens":null"#,
            r#","cached_tokens":"7""#,
            r#","cached_tokens":7.0"#,
            r#","cached_tokens":-7"#,
            r#","cached_tokens":18446744073709551616"#,
            r#","total_tokens":21"#,
            r#","cached\u005ftokens":7"#,
            r#","prompt_tokens_details":null"#,
            r#","prompt_tokens_details":{},"prompt_tokens_details":{}"#,
            r#","completion_tokens_details":{"reasoning_tokens":[]}"#,
        ] {
            assert_eq!(scanned(&format!("{{{counts}{more}}}")), None, "{more}");
        }
    }

    #[test]
    fn gemini_counts_thoughts_apart_and_silence_is_unknown() {
        let usage = |json: &str| Usage::from(serde_json::from_str::<GeminiUsage>(json).unwrap());
        let thought = usage(r#"{"promptTokenCount":8,"candidatesTokenCount":7,"thoughtsTokenCount":20}"#);
        assert_eq!((thought.output_tokens, thought.reasoning_tokens), (Some(27), Some(20)));
        assert_eq!(usage(r#"{"promptTokenCount":8}"#).output_tokens, None);
    }
}
