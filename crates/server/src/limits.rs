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
    /// From when on a body has to come at a minimum speed.
    pub body_slow_after: Duration,
    /// That speed, in bytes per second on average.
    pub body_speed_min: u64,
    /// From the start of a connection to its first byte.
    pub first_byte_max: Duration,
    /// From the first byte of a request's head to its last.
    pub head_max: Duration,
    /// From the end of one request to the beginning of the next on the same connection.
    pub keep_alive_max: Duration,
    /// How long a caller may take nothing of its answer.
    pub stall_max: Duration,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Requests at once on one connection of HTTP/2.
    pub streams_max: u32,
    /// Bytes of one request body that such a connection may send ahead.
    pub stream_window_bytes: u32,
    /// Bytes of all request bodies that such a connection may send ahead.
    pub connection_window_bytes: u32,
    /// How long active requests may go on once the server is told to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 * 1024 * 1024,
            bodies_bytes_max: 512 * 1024 * 1024,
            body_idle_max: Duration::from_secs(30),
            body_slow_after: Duration::from_secs(30),
            body_speed_min: 1024,
            first_byte_max: Duration::from_secs(10),
            head_max: Duration::from_secs(10),
            keep_alive_max: Duration::from_secs(60),
            stall_max: Duration::from_secs(120),
            head_bytes_max: 64 * 1024,
            headers_max: 100,
            connections_max: 4096,
            streams_max: 100,
            stream_window_bytes: 64 * 1024,
            connection_window_bytes: 1024 * 1024,
            grace: Duration::from_secs(30),
        }
    }
}
