//! The story of one request's decisions: bounded, cheap, and readable by an operator who has only a request id.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use standin_core::{Candidate, Entry, ErrorClass, Evidence, Layout, Moment, Refusal, Scope};

use crate::ending::{Cause, Stop};

/// Notes kept of one request; later ones are counted only.
pub(crate) const NOTES_MAX: usize = 192;
/// Notes of a request that its first candidate serves.
const NOTES_USUAL: usize = 2;
/// Room for so many more is made at once when these do not do: a candidate that fails and another that serves.
const NOTES_MORE: usize = 6;
/// Skipped candidates noted one by one in one decision; further ones are counted only.
pub(crate) const SKIPS_MAX: u32 = 8;

/// Why a candidate was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Suspended until it may be probed.
    Suspended,
    /// Softly suspended: others come first.
    SoftlySuspended,
    /// Another request is its probe.
    Probed,
    /// It may be probed, and is left alone for a while because others are healthy.
    Resting,
    /// Its credential carries all it may.
    Full,
    /// Already tried in this round.
    Tried,
    /// It failed within this request and is not due again.
    FailedHere,
    /// One more credential than this round may try.
    CredentialsMax,
    /// The same model has already shown that it cannot do this.
    SameModel,
    /// Its declared context is no larger than the one that was too small.
    ContextTooSmall,
    /// This upstream has already said that the request is too large.
    SameUpstream,
    /// Not the credential the caller pinned.
    NotPinned,
    /// Not the credential that owns the state the request refers to.
    NotOwner,
    /// It speaks another dialect than the caller.
    OtherDialect,
    /// Its upstream's retry budget is used up.
    NoToken,
}

/// Why a candidate was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It was its turn.
    Turn,
    /// The conversation lives there.
    Affinity,
    /// The next member of the pool on the same credential.
    SameCredential,
    /// Another upstream or endpoint than the one that has just failed.
    Elsewhere,
    /// The same candidate again, with a renewed credential.
    Renewed,
    /// Only softly suspended paths were left; it is due soonest.
    SoftLast,
    /// No healthy path was left, so a half-open one is probed before it has rested.
    Unrested,
    /// Only hard suspensions were left; its last probe is oldest.
    LastResort,
}

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A candidate was looked at and not taken.
    Skipped {
        /// Which one.
        candidate: u32,
        /// Why.
        why: Skip,
    },
    /// More candidates than are noted one by one were not taken.
    SkippedMore {
        /// How many more.
        count: u32,
    },
    /// A candidate was taken.
    Chosen {
        /// When.
        at: Moment,
        /// Which one.
        candidate: u32,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Number of the round, from 0.
        round: u32,
        /// Why.
        how: How,
        /// On what footing.
        entry: Entry,
    },
    /// The choice was lost to another request before the attempt began.
    Refused {
        /// Why.
        why: Refusal,
    },
    /// The attempt failed.
    Failed {
        /// When.
        at: Moment,
        /// What kind of failure.
        class: ErrorClass,
        /// Which rule said so.
        rule: Cow<'static, str>,
        /// Status of the answer.
        status: u16,
        /// How far the blame reaches.
        scope: Scope,
        /// Whether something was suspended for it.
        suspends: bool,
    },
    /// The attempt was complete.
    Succeeded {
        /// When.
        at: Moment,
        /// What that proves.
        evidence: Evidence,
    },
    /// The request waited.
    Waiting {
        /// From when.
        at: Moment,
        /// Until when at the latest.
        until: Moment,
        /// For what.
        wake: Wake,
    },
    /// The request was answered with an error.
    Ended {
        /// When.
        at: Moment,
        /// What about.
        cause: Cause,
        /// Why then.
        stop: Stop,
    },
}

/// What a waiting request waits for. It may be asked again at any moment before its time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// A suspension becomes due.
    Due,
    /// Another request's probe.
    Probe,
    /// Room on a credential.
    Room,
}

/// The notes of one request, with what is needed to read them.
#[derive(Debug, Clone)]
pub struct Trail {
    layout: Arc<Layout>,
    notes: Vec<Note>,
    dropped: u32,
    skips: u32,
}

impl Trail {
    pub(crate) fn new(layout: Arc<Layout>) -> Self {
        Self { layout, notes: Vec::with_capacity(NOTES_USUAL), dropped: 0, skips: 0 }
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.close_skips();
        self.push(note);
    }

    pub(crate) fn skipped(&mut self, candidate: u32, why: Skip) {
        self.skips = self.skips.saturating_add(1);
        if self.skips <= SKIPS_MAX {
            self.push(Note::Skipped { candidate, why });
        }
    }

    fn close_skips(&mut self) {
        if self.skips > SKIPS_MAX {
            self.push(Note::SkippedMore { count: self.skips - SKIPS_MAX });
        }
        self.skips = 0;
    }

    fn push(&mut self, note: Note) {
        if self.notes.len() < NOTES_MAX {
            if self.notes.len() == self.notes.capacity() {
                self.notes.reserve(NOTES_MORE);
            }
            self.notes.push(note);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Forgets the story; the room for it stays.
    pub(crate) fn begin_again(&mut self) {
        self.notes.clear();
        (self.dropped, self.skips) = (0, 0);
    }

    /// Hands the notes over and begins anew.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self { layout: Arc::clone(&self.layout), notes: Vec::new(), dropped: 0, skips: 0 };
        std::mem::replace(self, empty)
    }

    /// The story so far.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// How many notes did not fit.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The names behind a number in a note.
    #[must_use]
    pub fn candidate(&self, candidate: u32) -> Candidate {
        self.layout.candidate(candidate)
    }
}

impl PartialEq for Trail {
    fn eq(&self, other: &Self) -> bool {
        self.notes == other.notes && self.dropped == other.dropped
    }
}

/// Written for a reader: the notes, and the names of the candidates they speak of.
impl Serialize for Trail {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'t> {
            candidates: Vec<(u32, Candidate)>,
            notes: &'t [Note],
            dropped: u32,
        }
        let mut numbers: Vec<u32> = self.notes.iter().filter_map(Note::candidate).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let candidates = numbers.into_iter().map(|at| (at, self.candidate(at))).collect();
        Written { candidates, notes: &self.notes, dropped: self.dropped }.serialize(to)
    }
}

impl Note {
    /// The candidate the note speaks of.
    #[must_use]
    pub const fn candidate(&self) -> Option<u32> {
        match self {
            Self::Skipped { candidate, .. } | Self::Chosen { candidate, .. } => Some(*candidate),
            _ => None,
        }
    }
}
