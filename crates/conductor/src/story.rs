//! The last requests and how each was decided, for an operator who has only a request id.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use serde::Serialize;
use standin_core::{ModelAlias, RequestId};
use standin_policy::{Ending, Trail};
use standin_wire::Usage;

/// Stories kept; the oldest go first.
pub const STORIES_MAX: usize = 256;

/// How one request went.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// Its id, as the caller saw it.
    pub id: RequestId,
    /// The name it asked for.
    pub model: ModelAlias,
    /// When it began.
    pub began: SystemTime,
    /// How long it took, to the last byte.
    pub elapsed: Duration,
    /// Every decision.
    pub trail: Trail,
    /// How it ended.
    pub ending: Ending,
    /// What the upstream says it used.
    pub usage: Usage,
}

/// A bounded shelf of stories.
#[derive(Debug, Default)]
pub(crate) struct Stories(Mutex<VecDeque<Arc<Story>>>);

impl Stories {
    pub(crate) fn keep(&self, story: Story) {
        // Every request comes through here, so nothing is built or freed under the lock.
        let story = Arc::new(story);
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if shelf.len() >= STORIES_MAX { shelf.pop_front() } else { None };
        shelf.push_back(story);
        drop(shelf);
        drop(oldest);
    }

    /// The latest story of that id.
    pub(crate) fn find(&self, id: &RequestId) -> Option<Arc<Story>> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.iter().rev().find(|story| story.id == *id).cloned()
    }
}
