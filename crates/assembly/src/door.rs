//! What the configuration says about the door: where it is, what a caller may cost there, with which certificate.

use std::{io, net::SocketAddr, path::Path};

use standin_config::{Config, ConfigError, Problem};
use standin_server::{Limits, Tls};
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;
/// Bytes of an answer that the system holds for a caller who does not read. It would hold megabytes.
const UNREAD_BYTES_MAX: u32 = 256 * 1024;

/// The server's own defaults, with what the operator says over them.
#[must_use]
pub fn limits(config: &Config) -> Limits {
    let (said, default) = (config.limits, Limits::default());
    let body_bytes_max = said.body_bytes_max.unwrap_or(default.body_bytes_max);
    Limits {
        body_bytes_max,
        // Without a word about it there is room for one body at least.
        bodies_bytes_max: said.bodies_bytes_max.unwrap_or(default.bodies_bytes_max.max(body_bytes_max)),
        body_idle_max: said.body_idle_max.unwrap_or(default.body_idle_max),
        body_slow_after: said.body_slow_after.unwrap_or(default.body_slow_after),
        body_speed_min: said.body_speed_min.unwrap_or(default.body_speed_min),
        first_byte_max: said.first_byte_max.unwrap_or(default.first_byte_max),
        head_max: said.head_max.unwrap_or(default.head_max),
        keep_alive_max: said.keep_alive_max.unwrap_or(default.keep_alive_max),
        stall_max: said.stall_max.unwrap_or(default.stall_max),
        head_bytes_max: said.head_bytes_max.unwrap_or(default.head_bytes_max),
        headers_max: said.headers_max.unwrap_or(default.headers_max),
        connections_max: said.connections_max.unwrap_or(default.connections_max),
        streams_max: said.streams_max.unwrap_or(default.streams_max),
        grace: said.grace.unwrap_or(default.grace),
        ..default
    }
}

/// The certificate, if there is one.
///
/// # Errors
/// When it cannot be used; the error names the line of `file` that names it.
pub(crate) fn tls(config: &Config, file: &Path) -> Result<Option<Tls>, ConfigError> {
    let Some(said) = &config.tls else { return Ok(None) };
    let made = Tls::new(&said.cert, said.key.expose().as_bytes());
    made.map(Some).map_err(|error| unusable(file, said.line, &error))
}

/// Takes the certificate of another configuration into use.
///
/// # Errors
/// When it cannot be used; the one in use stays.
pub(crate) fn renew(tls: &Tls, config: &Config, file: &Path) -> Result<(), ConfigError> {
    let Some(said) = &config.tls else { return Ok(()) };
    let renewed = tls.renew(&said.cert, said.key.expose().as_bytes());
    renewed.map_err(|error| unusable(file, said.line, &error))
}

fn unusable(file: &Path, line: usize, error: &standin_server::TlsError) -> ConfigError {
    let problem = Problem { line, column: 1, key: "tls".to_owned(), message: format!("failed to {error}") };
    ConfigError::Wrong { path: file.to_owned(), problems: vec![problem] }
}

/// Takes an address, before anything else that may take its time. Nobody can connect yet.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(UNREAD_BYTES_MAX)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Opens the door.
pub(crate) fn listen(socket: TcpSocket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l7_the_file_of_defaults_leaves_the_servers_own_as_they_are() {
        let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config");
        let config = Config::load(&folder.join("proxy.toml"), &|_: &str| None).unwrap();
        assert_eq!(limits(&config), Limits::default());
        let said = config.limits;
        assert!(said.grace.is_some() && said.streams_max.is_some() && said.body_speed_min.is_some());
    }
}
