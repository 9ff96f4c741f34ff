//! The way out: how a request reaches an upstream, and how its reply comes back.
//!
//! Here are the [`Executor`] trait, the frames it answers with, the hardened HTTP client behind [`Transport`], and the
//! rules for headers in both directions. This crate deliberately decides no retry, reads no error body, and knows no
//! provider, no policy and no caller.

mod alarm;
mod answer;
mod base;
mod body;
mod client;
mod endpoint;
mod executor;
mod failure;
mod family;
mod frames;
mod hygiene;
mod keyed;
mod limits;
mod outbound;
mod payload;
mod targets;
mod template;
mod transport;

pub use alarm::Alarm;
pub use answer::read_reply;
pub use body::{collect, collect_error};
pub use client::{HttpTransport, TransportError};
pub use endpoint::{Endpoint, EndpointError};
pub use executor::{CallerRequest, Executor, FrameStream, Reply, ReplyBody};
pub use failure::SendError;
pub use family::{Family, Route, listed_ids, named_in_body};
pub use frames::SseFrames;
pub use hygiene::{HOPS, HOPS_MAX, UPSTREAM_REQUEST_ID, copy_allowed, hops, relay_headers};
pub use keyed::{BuildError, Keyed, MODELS_MAX, Settings};
pub use limits::{ERROR_BODY_WAIT, ERROR_BYTES_MAX, HEAD_BYTES_MAX, Limits, REPLY_BYTES_MAX};
pub use payload::Payload;
pub use template::{HeaderError, PRODUCT, Template, Wanted};
pub use transport::{Transport, TransportBody};
