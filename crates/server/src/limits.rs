//! What a caller may cost, in bytes and in time.

use std::time::Duration;

/// Limits of the edge. Each has a default that suits one machine on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request body.
    pub body_bytes_max: usize,
    /// Bytes of all request bodies that are held at once.
    pub bodies_bytes_max: usize,
    /// Silence in the middle of a body.
    pub body_idle_max: Duration,
    /// From the start of a connection to its first byte.
    pub first_byte_max: Duration,
    /// From the end of one request to the end of the next one's head.
    pub head_max: Duration,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// How long active requests may go on once the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 * 1024 * 1024,
            bodies_bytes_max: 512 * 1024 * 1024,
            body_idle_max: Duration::from_secs(30),
            first_byte_max: Duration::from_secs(10),
            head_max: Duration::from_secs(60),
            head_bytes_max: 64 * 1024,
            headers_max: 100,
            connections_max: 4096,
            grace: Duration::from_secs(30),
        }
    }
}
