//! How an answer stands while it comes in: the same few facts in every dialect.

use serde::de::IgnoredAny;

use crate::{frame::Mark, usage::Usage, value::has_error};

/// Choices or candidates of one answer that are followed.
const CHOICES_MAX: usize = 128;

/// What is known of an answer by now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// Something was said.
    pub(crate) has_content: bool,
    /// It ended in a way that is an answer even if nothing was said: cut, filtered, or a call of a tool.
    pub(crate) is_silent_answer: bool,
    /// The event that completes it was seen.
    pub(crate) is_complete: bool,
    /// What it used.
    pub(crate) usage: Usage,
    /// By choice: whether it has ended.
    choices: Vec<bool>,
}

impl Standing {
    /// What an event means that leaves the answer standing so.
    pub(crate) fn mark(&self) -> Mark {
        match (self.is_complete, self.has_content) {
            (true, _) => Mark::Terminal,
            (false, true) => Mark::Content,
            (false, false) => Mark::Lifecycle,
        }
    }

    /// What an event means whose fields are not those of the dialect: nothing, as long as it is an
    /// object without an error in it.
    pub(crate) fn mark_of_stranger(&self, data: &[u8]) -> Mark {
        let is_object = data.trim_ascii_start().starts_with(b"{");
        match serde_json::from_slice::<IgnoredAny>(data) {
            Ok(IgnoredAny) if is_object && !has_error(data) => self.mark(),
            _ => Mark::Error,
        }
    }

    /// Whether it is complete and nothing was said, as far as can be known by now.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_complete && !self.has_content && !self.is_silent_answer && !self.usage.was_billed()
    }

    /// Takes note of a choice: the answer is complete once every choice that began has ended.
    pub(crate) fn follow(&mut self, index: u64, has_ended: bool) {
        let Some(at) = usize::try_from(index).ok().filter(|at| *at < CHOICES_MAX) else { return };
        if self.choices.len() <= at {
            self.choices.resize(at + 1, false);
        }
        if has_ended {
            self.choices[at] = true;
            self.is_complete = self.choices.iter().all(|ended| *ended);
        } else if !self.choices[at] {
            self.is_complete = false;
        }
    }

    /// Whether more than one choice has begun.
    pub(crate) fn has_several_choices(&self) -> bool {
        self.choices.len() > 1
    }
}
