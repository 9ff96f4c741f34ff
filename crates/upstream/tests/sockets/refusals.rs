//! Connections that do not come about: all of them are `Connect` and `NotSent`.

use std::time::Duration;

use standin_core::{ErrorClass::*, Progress::*};

use crate::kit::{Client, SHORT, assert_failed, closed_port};

#[tokio::test]
async fn b9_a_refused_connection_is_not_sent() {
    let client = Client::new(&format!("http://127.0.0.1:{}", closed_port().await));
    assert_failed(client.whole().await, Connect, NotSent, "refused");
}

#[tokio::test]
async fn b9_a_name_that_does_not_exist_is_not_sent() {
    // `.invalid` never resolves (RFC 2606); without a resolver the lookup fails as well.
    let client = Client::new("https://nowhere.invalid").limits(SHORT);
    let error = client.whole().await.unwrap_err();
    assert_eq!((error.class, error.progress), (Connect, NotSent), "{error}");
}

#[tokio::test]
async fn b9_a_black_hole_is_given_up_at_the_connect_limit() {
    // A listener whose queue is full answers no further SYN: the same silence as a firewall that drops.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let hole = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let connecting = tokio::net::TcpStream::connect(hole);
        waiting.push(tokio::time::timeout(Duration::from_millis(50), connecting).await);
    }
    assert!(waiting.last().unwrap().is_err(), "the hole swallows");
    let client = Client::new(&format!("http://{hole}")).limits(SHORT);
    let began = standin_testkit::now();
    assert_failed(client.whole().await, Connect, NotSent, "no connection within");
    assert!(began.elapsed() < SHORT.connect + Duration::from_millis(150));
}
