//! The dialects of LLM APIs as data: what a request asks for, what a reply is worth, how a stream is cut, and how an
//! error is told.
//!
//! This room deliberately does no IO, knows no provider and decides nothing: it reads bytes and writes bytes.

mod array;
mod chat;
mod conversation;
mod count;
mod depth;
mod digest;
mod echo;
mod error;
mod event;
mod form;
mod frame;
mod gemini;
mod glance;
mod messages;
mod models;
mod multipart;
mod rename;
mod render;
mod reply;
mod request;
mod responses;
mod scan;
mod splice;
mod standing;
mod stream;
mod top;
mod usage;
mod value;
mod written;

pub use conversation::session_after;
pub use count::token_count;
pub use depth::DEPTH_MAX;
pub use error::{CallerError, ErrorCause, ErrorKind};
pub use form::{StreamForm, StreamTail};
pub use frame::{Frame, Mark, error_payload};
pub use models::{ListShape, ModelEntry, model_list, model_one};
pub use multipart::{is_multipart, read_multipart};
pub use render::{RETRY_AFTER_MAX, RenderedError, error_frame, keep_alive, render_error};
pub use reply::{WholeReply, read_reply};
pub use request::{BadRequest, MESSAGE_BYTES_MAX, MODEL_BYTES_MAX, RequestHead, read_request};
pub use splice::{other_name, splice_model};
pub use stream::{EVENT_BYTES_MAX, StreamReader};
pub use usage::Usage;
