//! Real clients in front of the gateway, real servers and scripted providers behind it.

mod agents;
mod document;
mod driver;
mod llama;
mod sdks;
mod servers;
pub(crate) mod speech;
mod stage;
