//! JSON that is written in order and read by nobody here: objects, texts and numbers, without a tree in between.
//!
//! What is written are errors of our own. Their texts hardly ever need an escape, so that they are looked through once
//! and copied; the general writer looks at every byte for itself.

use crate::splice::quote;

/// Bytes that the JSON of an error usually fits into.
const ROOM: usize = 512;

/// An object that is being written.
pub(crate) struct Written(String);

impl Written {
    /// An object with these fields.
    pub(crate) fn object(fields: impl FnOnce(&mut Self)) -> String {
        let mut written = Self(String::with_capacity(ROOM));
        written.within(fields);
        written.0
    }

    /// A field that is an object itself.
    pub(crate) fn nested(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.name(name);
        self.within(fields);
    }

    /// A field with a text, or with none.
    pub(crate) fn text<'t>(&mut self, name: &str, text: impl Into<Option<&'t str>>) {
        self.name(name);
        match text.into() {
            Some(text) => quote(&mut self.0, text),
            None => self.0.push_str("null"),
        }
    }

    /// A field with a number.
    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.0.push_str(itoa::Buffer::new().format(number));
    }

    fn within(&mut self, fields: impl FnOnce(&mut Self)) {
        self.0.push('{');
        fields(self);
        self.0.push('}');
    }

    /// The name of a field, which needs no escape, and what stands around it.
    fn name(&mut self, name: &str) {
        self.0.push_str(if self.0.ends_with('{') { "\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_json_that_it_says_whatever_the_texts_hold() {
        for text in ["", "plain", "{", "a \"b\"\\\n\u{1}", "é\u{2028}"] {
            let written = Written::object(|json| {
                json.nested("none", |_| {});
                json.text("text", text);
                json.nested("more", |json| {
                    json.number("most", u64::MAX);
                    json.text("null", None);
                    json.text("again", Some(text));
                });
                json.number("zero", 0);
            });
            let read: serde_json::Value = serde_json::from_str(&written).unwrap();
            assert_eq!(
                read,
                serde_json::json!({
                    "none": {}, "text": text, "more": {"most": u64::MAX, "null": null, "again": text}, "zero": 0
                }),
            );
        }
    }
}
