//! TLS with certificates made on the spot.

use std::sync::Arc;

use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use standin_core::{ErrorClass::*, Progress::*};
use standin_upstream::{HttpTransport, Payload, collect};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;

use crate::kit::{Client, SHORT, assert_failed, echo, say_hello, serve};

type Root = CertifiedIssuer<'static, KeyPair>;

fn root() -> Root {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(
    root: &Root,
    name: &str,
    change: impl FnOnce(&mut CertificateParams),
    alpn: &[u8],
) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let certificate = params.signed_by(&key, root).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn client(acceptor: TlsAcceptor, trusted: Option<&Root>) -> Client {
    let port = serve(move |stream| async move {
        if let Ok(mut stream) = acceptor.accept(stream).await {
            say_hello(&mut stream).await;
        }
    });
    let transport = HttpTransport::new(trusted.map(|root| root.pem()).as_deref().map(str::as_bytes)).unwrap();
    Client { transport: Arc::new(transport), ..Client::new(&format!("https://localhost:{}", port.await)) }
}

#[tokio::test]
async fn a_large_body_arrives_whole_around_its_new_name_encrypted_or_not() {
    let text = format!(r#"{{"model":"a","text":"{}"}}"#, "0123456789".repeat(100_000));
    let expected = text.replacen(r#""a""#, r#""another""#, 1);
    let payload = Payload::named(&Bytes::from(text), &(9..12), "another");
    let root = root();
    let acceptor = acceptor(&root, "localhost", |_| {}, b"http/1.1");
    let secret = serve(move |stream| async move { echo(&mut acceptor.accept(stream).await.unwrap()).await });
    let transport = Arc::new(HttpTransport::new(Some(root.pem().as_bytes())).unwrap());
    let secret = Client { transport, ..Client::new(&format!("https://localhost:{}", secret.await)) };
    let open = serve(|mut stream| async move { echo(&mut stream).await });
    let open = Client::new(&format!("http://localhost:{}", open.await));
    for client in [open, secret] {
        let reply = client.send(payload.clone()).await.unwrap();
        assert!(collect(reply.into_body()).await.unwrap() == expected);
    }
}

#[tokio::test]
async fn an_upstream_under_the_operators_own_root_is_trusted() {
    let root = root();
    let client = client(acceptor(&root, "localhost", |_| {}, b"http/1.1"), Some(&root)).await;
    assert_eq!(client.whole().await.unwrap().2, "hello");
}

#[tokio::test]
async fn b9_a_certificate_that_is_unknown_expired_or_anothers_is_not_sent() {
    let root = root();
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    for (acceptor, trusted, says) in [
        (acceptor(&root, "localhost", |_| {}, b"http/1.1"), None, "UnknownIssuer"),
        (acceptor(&root, "localhost", expired, b"http/1.1"), Some(&root), "expired"),
        (acceptor(&root, "elsewhere.example", |_| {}, b"http/1.1"), Some(&root), "not valid for name"),
        (acceptor(&root, "localhost", |_| {}, b"h2"), Some(&root), "NoApplicationProtocol"),
    ] {
        assert_failed(client(acceptor, trusted).await.whole().await, Connect, NotSent, says);
    }
}

#[tokio::test]
async fn b9_an_upstream_that_is_silent_during_the_handshake_is_given_up_at_the_connect_limit() {
    let port = serve(|mut stream| async move {
        let mut swallowed = [0; 1024];
        while stream.read(&mut swallowed).await.is_ok_and(|size| size > 0) {}
    });
    let client = Client::new(&format!("https://127.0.0.1:{}", port.await)).limits(SHORT);
    assert_failed(client.whole().await, Connect, NotSent, "no connection within");
}

#[tokio::test]
async fn b9_plain_http_behind_an_https_address_is_not_sent() {
    let port = serve(|mut stream| async move {
        stream.read_u8().await.unwrap();
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let client = Client::new(&format!("https://127.0.0.1:{}", port.await));
    assert_failed(client.whole().await, Connect, NotSent, "TLS with 127.0.0.1");
}

#[test]
fn roots_that_are_none_are_refused_at_the_start() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(HttpTransport::new(Some(pem.as_bytes())).is_err(), "{pem}");
    }
}
