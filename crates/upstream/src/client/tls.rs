//! TLS to upstreams: rustls with `ring`, HTTP/1.1 only.
//!
//! The roots are compiled in (Mozilla's list) and not the system's: a request never reads the disk, an image without
//! certificate files works, and the same binary trusts the same names everywhere. Operators add their own roots.

use std::sync::{Arc, OnceLock};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::TransportError;
use crate::SendError;

pub(super) struct Tls {
    extra: Vec<CertificateDer<'static>>,
    /// Built for the first encrypted connection: many installations only ever talk to a local server.
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(super) fn new(extra_pem: Option<&[u8]>) -> Result<Self, TransportError> {
        let extra = extra_pem.map(read_roots).transpose()?.unwrap_or_default();
        Ok(Self { extra, config: OnceLock::new() })
    }

    pub(super) async fn handshake(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
        shown: &str,
    ) -> Result<TlsStream<TcpStream>, SendError> {
        let failed = |why: String| SendError::unreachable(format!("TLS with {shown}: {why}"));
        let config = match self.config.get() {
            Some(config) => Arc::clone(config),
            None => {
                let built = self.build().map_err(|error| failed(error.to_string()))?;
                Arc::clone(self.config.get_or_init(|| built))
            }
        };
        TlsConnector::from(config).connect(name, stream).await.map_err(|error| failed(error.to_string()))
    }

    fn build(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for root in &self.extra {
            roots.add(root.clone())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read_roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let broken = |why: String| TransportError::Roots(why);
    let mut checked = RootCertStore::empty();
    let mut roots = Vec::new();
    for root in CertificateDer::pem_slice_iter(pem) {
        let root = root.map_err(|error| broken(error.to_string()))?;
        checked.add(root.clone()).map_err(|error| broken(error.to_string()))?;
        roots.push(root);
    }
    match roots.is_empty() {
        true => Err(broken("no certificate in it".to_owned())),
        false => Ok(roots),
    }
}
