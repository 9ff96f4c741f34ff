//! What is said to an outbound proxy before it becomes a pipe to the upstream.
//!
//! Always a tunnel, also for plain HTTP: the proxy is asked for a connection and never sees a request.

use std::net::IpAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    SendError,
    endpoint::Place,
    outbound::{Login, Outbound, ProxyKind},
};

/// Bytes of a proxy's answer to `CONNECT`.
const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a host name, or of a login's name or password, that SOCKS 5 can carry.
const SOCKS_TEXT_BYTES_MAX: usize = 255;

/// Turns a connection to the proxy into one to the place.
pub(super) async fn open(
    mut stream: TcpStream,
    proxy: &Outbound,
    place: &Place,
) -> Result<TcpStream, SendError> {
    let done = match proxy.kind {
        ProxyKind::Http => connect(&mut stream, place).await,
        ProxyKind::Socks5 => socks(&mut stream, proxy.login.as_ref(), place).await,
    };
    match done {
        Ok(()) => Ok(stream),
        Err(refusal) => {
            Err(SendError::unreachable(format!("proxy {}:{}: {refusal}", proxy.host, proxy.port)))
        }
    }
}

/// Why a proxy did not become a pipe.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Said(String),
}

impl Refusal {
    fn said(text: impl Into<String>) -> Self {
        Self::Said(text.into())
    }
}

async fn connect(stream: &mut TcpStream, place: &Place) -> Result<(), Refusal> {
    let host = if place.host.contains(':') { format!("[{}]", place.host) } else { place.host.clone() };
    let target = format!("{host}:{}", place.port);
    let mut ask = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
    if let Some(login) = &place.proxy_authorization {
        ask.extend_from_slice(b"proxy-authorization: ");
        ask.extend_from_slice(login.as_bytes());
        ask.extend_from_slice(b"\r\n");
    }
    ask.extend_from_slice(b"\r\n");
    stream.write_all(&ask).await?;

    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() >= ANSWER_BYTES_MAX {
            return Err(Refusal::said("its answer is too long"));
        }
        // Byte by byte, once per connection: what follows the empty line belongs to the upstream.
        answer.push(stream.read_u8().await?);
    }
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    match status {
        Some(200..=299) if answer.starts_with(b"HTTP/1.") => Ok(()),
        Some(407) => Err(Refusal::said("asks for another login (407)")),
        Some(status) => Err(Refusal::said(format!("answered {status}"))),
        None => Err(Refusal::said("does not speak HTTP")),
    }
}

const SOCKS_VERSION: u8 = 5;
const LOGIN_VERSION: u8 = 1;
const NO_LOGIN: u8 = 0;
const WITH_LOGIN: u8 = 2;

async fn socks(stream: &mut TcpStream, login: Option<&Login>, place: &Place) -> Result<(), Refusal> {
    let method = if login.is_some() { WITH_LOGIN } else { NO_LOGIN };
    stream.write_all(&[SOCKS_VERSION, 1, method]).await?;
    let [version, chosen] = read(stream).await?;
    if version != SOCKS_VERSION {
        return Err(Refusal::said("does not speak SOCKS 5"));
    }
    if chosen != method {
        return Err(Refusal::said(if login.is_some() {
            "does not take a login"
        } else {
            "asks for a login"
        }));
    }
    if let Some(login) = login {
        let mut ask = vec![LOGIN_VERSION];
        push_text(&mut ask, login.user.expose())?;
        push_text(&mut ask, login.password.expose())?;
        stream.write_all(&ask).await?;
        let [_, status] = read(stream).await?;
        if status != 0 {
            return Err(Refusal::said("refuses the login"));
        }
    }
    stream.write_all(&socks_target(place)?).await?;
    let [_, code, _, kind] = read(stream).await?;
    if code != 0 {
        return Err(Refusal::said(socks_reason(code)));
    }
    // The address it bound has no use, but it stands before the upstream's first byte.
    let unused = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await?),
        _ => return Err(Refusal::said("answered with an unknown kind of address")),
    };
    let mut address = [0; SOCKS_TEXT_BYTES_MAX + 2];
    if let Some(rest) = address.get_mut(..unused + 2) {
        stream.read_exact(rest).await?;
    }
    Ok(())
}

fn socks_target(place: &Place) -> Result<Vec<u8>, Refusal> {
    let mut ask = vec![SOCKS_VERSION, 1, 0];
    match place.host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            ask.push(1);
            ask.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            ask.push(4);
            ask.extend_from_slice(&address.octets());
        }
        Err(_) => {
            ask.push(3);
            push_text(&mut ask, &place.host)?;
        }
    }
    ask.extend_from_slice(&place.port.to_be_bytes());
    Ok(ask)
}

fn push_text(to: &mut Vec<u8>, text: &str) -> Result<(), Refusal> {
    let length =
        u8::try_from(text.len()).map_err(|_| Refusal::said("cannot be told a name or login this long"))?;
    to.push(length);
    to.extend_from_slice(text.as_bytes());
    Ok(())
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn socks_reason(code: u8) -> &'static str {
    match code {
        2 => "does not allow this connection",
        3 => "cannot reach the network",
        4 => "cannot reach the host",
        5 => "was refused by the host",
        6 => "gave up waiting for the host",
        _ => "failed to connect",
    }
}
