//! From an endpoint to a byte stream: name lookup, TCP, proxy, TLS.
//!
//! Every failure here happens before a byte of a request exists, so all of them are `NotSent`.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{net::TcpStream, sync::Semaphore};

use super::{socket::Socket, tls::Tls, tunnel};
use crate::{SendError, endpoint::Place};

/// Name lookups at one time. Each blocks a thread for as long as the resolver pleases, also when nobody waits for it.
const LOOKUPS_MAX: usize = 32;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;
/// How long one address is tried alone before the next one joins in (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);

pub(super) struct Dialer {
    tls: Tls,
    lookups: Arc<Semaphore>,
}

impl Dialer {
    pub(super) fn new(tls: Tls) -> Self {
        Self { tls, lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }

    /// A byte stream to the endpoint. How long that may take is the caller's business.
    pub(super) async fn dial(&self, place: &Place) -> Result<Socket, SendError> {
        let stream = match &place.proxy {
            None => self.tcp(&place.host, place.port).await?,
            Some(proxy) => {
                let stream = self.tcp(&proxy.host, proxy.port).await?;
                tunnel::open(stream, proxy, place).await?
            }
        };
        match &place.tls {
            None => Ok(Socket::plain(stream)),
            Some(name) => Ok(Socket::tls(self.tls.handshake(name.clone(), stream, &place.host).await?)),
        }
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, SendError> {
        let addresses = self.lookup(host, port).await?;
        let stream = race(addresses)
            .await
            .map_err(|error| SendError::unreachable(format!("connect to {host}:{port}: {error}")))?;
        // Without this a small write waits for the acknowledgement of the one before: 40 ms per chunk.
        stream.set_nodelay(true).map_err(|error| SendError::unreachable(error.to_string()))?;
        Ok(stream)
    }

    async fn lookup(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let failed = |why: String| SendError::unreachable(format!("look up {host}: {why}"));
        let permit =
            Arc::clone(&self.lookups).acquire_owned().await.map_err(|error| failed(error.to_string()))?;
        let name = host.to_owned();
        let found = tokio::task::spawn_blocking(move || {
            // The permit stays with the thread, not with the request that may have left.
            let _permit = permit;
            (name.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>)
        });
        let addresses = found.await.map_err(|error| failed(error.to_string()))?;
        let addresses = addresses.map_err(|error| failed(error.to_string()))?;
        if addresses.is_empty() {
            return Err(failed("the name has no address".to_owned()));
        }
        Ok(alternate(addresses))
    }
}

/// The resolver's order, with the two families taking turns, so that one broken family costs one head start.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (preferred, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut others = others.into_iter();
    let mut mixed = Vec::with_capacity(ADDRESSES_MAX);
    for address in preferred {
        mixed.push(address);
        mixed.extend(others.next());
    }
    mixed.extend(others);
    mixed.truncate(ADDRESSES_MAX);
    mixed
}

async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut last = io::Error::other("no address");
    loop {
        if let Some(address) = waiting.next() {
            running.push(TcpStream::connect(address));
        }
        // An attempt that fails lets the next one begin at once; a silent one only after the head start.
        let next = async {
            match waiting.len() {
                0 => running.next().await,
                _ => tokio::time::timeout(HEAD_START, running.next()).await.unwrap_or(None),
            }
        };
        match next.await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = error,
            None if waiting.len() == 0 && running.is_empty() => return Err(last),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_families_take_turns_and_the_resolvers_first_stays_first() {
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let all = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"].map(parse).to_vec();
        assert_eq!(alternate(all), ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"].map(parse));
        let many = (1..20).map(|at| SocketAddr::new([10, 0, 0, at].into(), 1)).collect();
        assert_eq!(alternate(many).len(), ADDRESSES_MAX);
    }

    #[tokio::test]
    async fn b9_an_address_that_refuses_gives_way_to_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = {
            let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        let open = listener.local_addr().unwrap();
        assert_eq!(race(vec![closed, open]).await.unwrap().peer_addr().unwrap(), open);
        assert_eq!(race(vec![closed]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(race(Vec::new()).await.is_err());
    }
}
