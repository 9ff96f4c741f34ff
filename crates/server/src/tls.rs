//! The certificate that a server shows, and how it is changed while it serves.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// What is spoken over TLS, best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate in use. Handshakes that begin after [`Tls::renew`] see the new one.
pub struct Tls {
    config: ArcSwap<ServerConfig>,
}

/// Why a certificate cannot be used. Never holds anything of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate in it, or one that cannot be read.
    #[error("find a certificate in PEM")]
    Certificate,
    /// There is no private key in it, or one that cannot be read.
    #[error("find a private key in PEM")]
    Key,
    /// They do not belong together, or are of a kind that is not served.
    #[error("use this certificate with this key: {0}")]
    Pair(String),
}

impl Tls {
    /// Serves with this chain and its key, both in PEM.
    ///
    /// # Errors
    /// When they cannot be read, or are no pair.
    pub fn new(cert: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self { config: ArcSwap::new(config(cert, key)?) })
    }

    /// Takes another certificate into use; connections that are there stay as they are.
    ///
    /// # Errors
    /// When it cannot be used; the one in use stays.
    pub fn renew(&self, cert: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.config.store(config(cert, key)?);
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.load_full())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls(..)")
    }
}

fn config(cert: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(cert).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
    let pair = |error: rustls::Error| TlsError::Pair(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(pair)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pair() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn l5_a_certificate_is_used_only_with_its_own_key() {
        let ((cert, key), (_, another)) = (pair(), pair());
        let tls = Tls::new(cert.as_bytes(), key.as_bytes()).unwrap();
        let renewed = |cert: &str, key: &str| tls.renew(cert.as_bytes(), key.as_bytes());
        assert_eq!(renewed("no PEM", &key), Err(TlsError::Certificate));
        assert_eq!(renewed(&key, &key), Err(TlsError::Certificate));
        assert_eq!(renewed(&cert, &cert), Err(TlsError::Key));
        assert!(matches!(renewed(&cert, &another), Err(TlsError::Pair(_))));
        assert_eq!(renewed(&cert, &key), Ok(()));
    }
}
