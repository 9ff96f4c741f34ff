//! Outbound proxies, written out by hand byte for byte.

use standin_core::{ErrorClass::*, Progress::*};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::kit::{Client, assert_failed, closed_port, read_head, say_hello, serve};

const BASE: &str = "http://api.invalid:8000";

#[tokio::test]
async fn an_http_proxy_gets_connect_with_its_login_and_the_upstream_gets_the_key() {
    let port = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        assert_eq!(
            head,
            "CONNECT api.invalid:8000 HTTP/1.1\r\nhost: api.invalid:8000\r\nproxy-authorization: Basic bWU6cDpzcw==\r\n\r\n"
        );
        stream.write_all(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n").await.unwrap();
        let inner = say_hello(&mut stream).await;
        assert!(
            inner.contains("authorization: Bearer k1") && !inner.contains("proxy-authorization"),
            "{inner}"
        );
    });
    let client = Client::via(BASE, Some(&format!("http://me:p%3Ass@127.0.0.1:{}", port.await)));
    assert_eq!(client.whole().await.unwrap().2, "hello");
}

#[tokio::test]
async fn a_socks_proxy_gets_the_name_and_not_an_address() {
    let port = serve(|mut stream| async move {
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(greeting, [5, 1, 2]);
        stream.write_all(&[5, 2]).await.unwrap();
        let mut login = [0; 8];
        stream.read_exact(&mut login).await.unwrap();
        assert_eq!(&login, b"\x01\x02me\x03p:s");
        stream.write_all(&[1, 0]).await.unwrap();
        let mut target = [0; 18];
        stream.read_exact(&mut target).await.unwrap();
        assert_eq!(&target, b"\x05\x01\x00\x03\x0bapi.invalid\x1f\x40");
        stream.write_all(b"\x05\x00\x00\x03\x04exit\x00\x50").await.unwrap();
        say_hello(&mut stream).await;
    });
    let client = Client::via(BASE, Some(&format!("socks5://me:p%3As@127.0.0.1:{}", port.await)));
    assert_eq!(client.whole().await.unwrap().2, "hello");
}

#[tokio::test]
async fn a_socks_proxy_without_login_gets_an_address_as_an_address() {
    let port = serve(|mut stream| async move {
        let mut greeting = [0; 3];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(greeting, [5, 1, 0]);
        stream.write_all(&[5, 0]).await.unwrap();
        let mut target = [0; 10];
        stream.read_exact(&mut target).await.unwrap();
        assert_eq!(target, [5, 1, 0, 1, 10, 1, 2, 3, 0, 80]);
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        say_hello(&mut stream).await;
    });
    let client = Client::via("http://10.1.2.3", Some(&format!("socks5h://127.0.0.1:{}", port.await)));
    assert_eq!(client.whole().await.unwrap().2, "hello");
}

#[tokio::test]
async fn b9_what_a_proxy_refuses_is_not_sent_and_says_why() {
    let http: [(&'static [u8], &str); 4] = [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "login (407)"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"", ""),
    ];
    for (answer, says) in http {
        let port = serve(move |mut stream| async move {
            read_head(&mut stream).await;
            stream.write_all(answer).await.unwrap();
        });
        let client = Client::via(BASE, Some(&format!("http://me:hunter2@127.0.0.1:{}", port.await)));
        let error = client.whole().await.unwrap_err();
        assert!(!error.message.contains("hunter2"), "{error}");
        assert_failed::<()>(Err(error), Connect, NotSent, says);
    }
    let socks: [(&'static [u8], &str); 4] = [
        (&[5, 0xff], "asks for a login"),
        (&[4, 0], "does not speak SOCKS 5"),
        (&[5, 0, 5, 4, 0, 1], "cannot reach the host"),
        (&[5, 0, 5, 2, 0, 1], "does not allow"),
    ];
    for (answer, says) in socks {
        let port = serve(move |mut stream| async move {
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.unwrap();
            stream.write_all(answer).await.unwrap();
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.is_ok_and(|size| size > 0) {}
        });
        let client = Client::via(BASE, Some(&format!("socks5://127.0.0.1:{}", port.await)));
        assert_failed(client.whole().await, Connect, NotSent, says);
    }
}

#[tokio::test]
async fn b9_a_proxy_that_is_not_there_is_not_sent() {
    let client = Client::via(BASE, Some(&format!("http://127.0.0.1:{}", closed_port().await)));
    assert_failed(client.whole().await, Connect, NotSent, "refused");
}
