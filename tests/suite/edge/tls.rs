//! HTTPS: both protocols over one certificate, and a certificate that changes.

use std::{fs, sync::Arc, time::Duration};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use standin_testkit::{ScriptedUpstream, client, now};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    KEY, ROUTE, bearer,
    http2::{DATA, END_STREAM, Peer, frame, request},
};
use crate::{
    faults::{MODEL, whole_answer},
    gateway::{Gateway, Upstream, chat, post},
};

struct Pair {
    cert: String,
    key: String,
}

fn pair() -> Pair {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Pair { cert: cert.pem(), key: signing_key.serialize_pem() }
}

/// A gateway that shows this certificate.
async fn stage(pair: &Pair) -> (Gateway, ScriptedUpstream) {
    let upstream = ScriptedUpstream::always(whole_answer()).await;
    let only = Upstream::new("only", &upstream.base_url()).key(KEY).model(MODEL, "words");
    let files = [("cert.pem", pair.cert.as_str()), ("key.pem", pair.key.as_str())];
    let more = "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n[limits]\nfirst_byte_max = \"1s\"\n";
    (Gateway::beside(&files, more, [only]).await, upstream)
}

/// Connects, trusting this certificate only.
async fn connect(gateway: &Gateway, trusted: &Pair, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.cert.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls_and_silence_is_not_waited_for() {
    let pair = pair();
    let (gateway, upstream) = stage(&pair).await;
    let mut one = connect(&gateway, &pair, b"http/1.1").await.unwrap();
    one.write_all(&post(ROUTE, &chat("words", false))).await.unwrap();
    let mut reply = vec![0; 4096];
    let size = one.read(&mut reply).await.unwrap();
    assert!(reply[..size].starts_with(b"HTTP/1.1 200 OK"), "{}", reply[..size].escape_ascii());

    let two = connect(&gateway, &pair, b"h2").await.unwrap();
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut peer = Peer::over(two, &[]).await;
    let head = request(1, "POST", ROUTE, &[("authorization", &bearer())], 0);
    peer.send(&[head, frame(DATA, END_STREAM, 1, &chat("words", false))].concat()).await.unwrap();
    assert_eq!(peer.answer(1).await.map(|(status, _)| status), Ok(200));
    assert_eq!(upstream.received().len(), 2);

    // Silence before the handshake, and after it.
    let since = now();
    let before = client::Connection::open(gateway.address()).await;
    let mut after = connect(&gateway, &pair, b"http/1.1").await.unwrap();
    assert!(before.until_closed().await.is_empty());
    let _ = after.read(&mut reply).await;
    assert!(now().duration_since(since) < Duration::from_secs(5));
    let mut plain = client::Connection::open(gateway.address()).await;
    let _ = plain.try_send(b"GET /healthz HTTP/1.1\r\nhost: gateway.test\r\n\r\n").await;
    assert!(!plain.until_closed().await.starts_with(b"HTTP/1.1 200"), "nothing is served in the clear");
}

#[tokio::test]
async fn l4_a_certificate_that_changes_is_shown_from_then_on_and_a_bad_one_is_not() {
    let (old, new) = (pair(), pair());
    let (gateway, _upstream) = stage(&old).await;
    let mut kept = connect(&gateway, &old, b"http/1.1").await.unwrap();
    let served = async |kept: &mut TlsStream<TcpStream>| {
        kept.write_all(&post(ROUTE, &chat("words", false))).await.unwrap();
        let mut reply = vec![0; 4096];
        let size = kept.read(&mut reply).await.unwrap();
        reply[..size].starts_with(b"HTTP/1.1 200 OK")
    };
    assert!(served(&mut kept).await);

    fs::write(gateway.file("cert.pem"), "no certificate").unwrap();
    gateway.says("kept the old configuration").await;
    assert!(gateway.log().contains("find a certificate in PEM"), "{}", gateway.log());
    assert!(connect(&gateway, &old, b"http/1.1").await.is_ok());

    fs::write(gateway.file("cert.pem"), &new.cert).unwrap();
    fs::write(gateway.file("key.pem"), &new.key).unwrap();
    let since = now();
    while connect(&gateway, &new, b"http/1.1").await.is_err() {
        assert!(now().duration_since(since) < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("a changed certificate is shown after {:?}", now().duration_since(since));
    assert!(connect(&gateway, &old, b"http/1.1").await.is_err(), "the old one is shown no more");
    assert!(served(&mut kept).await, "who was there stays");
}
