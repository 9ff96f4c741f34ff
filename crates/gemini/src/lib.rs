//! Upstreams that speak Google's Gemini API.
//!
//! Here the path names the model and the verb, so that the route table alone decides what stands in it. What the
//! family has in common is data; the executor over it is the one of every family with plain keys. This crate
//! deliberately translates no dialect, retries nothing and reads no error.

mod body;
mod family;

pub use family::GEMINI;
