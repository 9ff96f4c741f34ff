//! The only async driver: it asks the policy, calls an executor, carries the effects out, and holds a stream back
//! until its first content, so that a request can still move on.
//!
//! It deliberately knows no provider and decides no retry: what an answer means is the classifier's word, what
//! happens next the policy's, what is remembered the store's.

mod answer;
mod attempt;
mod clock;
mod conductor;
mod count;
mod drive;
mod ending;
mod flow;
mod hold;
mod log;
mod preview;
mod recorder;
mod request;
mod snapshot;
mod story;

pub use answer::{Answer, AnswerBody};
pub use clock::SystemClock;
pub use conductor::{Conductor, Listed};
pub use preview::Preview;
pub use request::Request;
pub use snapshot::{Assembly, AssemblyError, Snapshot, Upstream};
pub use story::{STORIES_MAX, Story};
