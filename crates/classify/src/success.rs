//! Whether a 200 hides an error.
//!
//! Empty and truncated completions are told by the wire formats, not here.

use serde_json::Value;

/// Fields that carry a provider's own status beside an answer: any value but these means that it went well.
const GOOD_STATUS: [&str; 5] = ["0", "200", "ok", "success", ""];

/// Whether the body of a 200, or the data of a stream's frame, is an error rather than an answer.
///
/// Known shapes: an `error` or `errors` that is set (also inside of `Response`), an `object` or `type` named `error`, a
/// `success` that is false, `base_resp.status_code` and `header.code` other than 0, `error_code`, and a `status` or `code`
/// beside words that says otherwise than success.
#[must_use]
pub fn looks_like_error(body: &[u8]) -> bool {
    let body = &body[..body.len().min(crate::BODY_BYTES_MAX)];
    let Ok(Value::Object(top)) = serde_json::from_slice::<Value>(body) else { return false };
    if top.contains_key("choices") || top.contains_key("candidates") || top.contains_key("content") {
        return top.get("error").is_some_and(is_set);
    }
    let is_bad = |value: Option<&Value>| value.is_some_and(|value| !is_good(value));
    let has_words = |names: &[&str]| names.iter().any(|name| top.get(*name).is_some_and(Value::is_string));
    ["error", "errors"].iter().any(|name| top.get(*name).is_some_and(is_set))
        || ["type", "object"].iter().any(|name| top.get(*name).is_some_and(|kind| kind == "error"))
        || top.get("success").is_some_and(|success| success == false)
        || top.get("Response").and_then(|response| response.get("Error")).is_some_and(is_set)
        || is_bad(top.get("base_resp").and_then(|base| base.get("status_code")))
        || is_bad(top.get("header").and_then(|header| header.get("code")))
        || is_bad(top.get("error_code"))
        || (top.contains_key("msg") && is_bad(top.get("status")))
        || (has_words(&["msg", "message"]) && is_bad(top.get("code")))
}

fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn is_good(value: &Value) -> bool {
    let text = match value {
        Value::Null => return true,
        Value::String(text) => text.to_ascii_lowercase(),
        other => other.to_string(),
    };
    GOOD_STATUS.contains(&text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_in_every_known_shape_are_seen_and_answers_are_not() {
        let errors = [
            r#"{"error":{"message":"x"}}"#,
            r#" {"error":"x"}"#,
            r#"{"base_resp":{"status_code":1004,"status_msg":"x"}}"#,
            r#"{"error_code":17,"error_msg":"x"}"#,
            r#"{"header":{"code":11200,"message":"x"}}"#,
            r#"{"status":"434","msg":"x","body":null}"#,
            r#"{"type":"error","sequence_number":2,"error":{"code":"x"}}"#,
            r#"{"choices":[],"error":{"message":"x"}}"#,
            r#"{"object":"error","message":"x","code":404}"#,
            r#"{"errors":[{"message":"x","code":7}],"success":false,"result":{}}"#,
            r#"{"Response":{"Error":{"Code":"x","Message":"y"},"RequestId":"z"}}"#,
            r#"{"code":500,"msg":"x","success":false}"#,
            r#"{"code":"40300","message":"x"}"#,
        ];
        for body in errors {
            assert!(looks_like_error(body.as_bytes()), "{body}");
        }
        let answers = [
            r#"{"choices":[{"message":{"content":"error"}}],"error":null}"#,
            r#"{"base_resp":{"status_code":0,"status_msg":"success"},"reply":"x"}"#,
            r#"{"object":"list","data":[]}"#,
            r#"{"result":{"response":"x"},"success":true,"errors":[],"messages":[]}"#,
            r#"{"code":0,"message":"ok","data":{}}"#,
            r#"{"code":null,"message":"x","data":{}}"#,
            "<html></html>",
            "",
        ];
        for body in answers {
            assert!(!looks_like_error(body.as_bytes()), "{body}");
        }
    }
}
