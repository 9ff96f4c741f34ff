//! The demo's caller: an ordinary HTTP request over an ordinary socket, its answer shown as it comes.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use standin_conductor::SystemClock;
use standin_core::Clock;
use tokio::net::TcpStream;

use super::ink::Ink;

/// What the caller saw.
pub(crate) struct Served {
    pub(crate) request_id: String,
    pub(crate) model: String,
    pub(crate) to_first_word: Duration,
    pub(crate) to_end: Duration,
}

/// Asks, and shows the words as they come.
pub(crate) async fn ask(address: SocketAddr, key: &str, prompt: &str, ink: &Ink) -> anyhow::Result<Served> {
    let clock = SystemClock::new();
    let began = clock.now();
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = format!(
        r#"{{"model":"assistant","stream":true,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    );
    let request = Request::post("/v1/chat/completions")
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    ink.row("caller", &format!("POST /v1/chat/completions  model {}  \"{prompt}\"", ink.name("assistant")));
    let reply = sender.send_request(request).await?;
    ensure!(reply.status().is_success(), "the demo's request was answered with {}", reply.status());
    let id = reply.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    let request_id = id.context("a reply carries x-request-id")?.to_owned();
    let mut heard = Heard::default();
    let mut to_first_word = None;
    let mut body = reply.into_body();
    ink.piece("              ");
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        for word in heard.words(&data) {
            to_first_word.get_or_insert_with(|| clock.now().since(began));
            ink.piece(&ink.good(&word));
        }
    }
    ink.piece("\n");
    let to_end = clock.now().since(began);
    Ok(Served { request_id, model: heard.model, to_first_word: to_first_word.unwrap_or(to_end), to_end })
}

/// Picks the words out of a stream.
#[derive(Default)]
struct Heard {
    pending: String,
    model: String,
}

impl Heard {
    fn words(&mut self, data: &[u8]) -> Vec<String> {
        self.pending.push_str(&String::from_utf8_lossy(data));
        let mut words = Vec::new();
        while let Some(end) = self.pending.find("\n\n") {
            let event: String = self.pending.drain(..end + 2).collect();
            let json = event.trim().strip_prefix("data: ").unwrap_or_default();
            let Ok(chunk) = serde_json::from_str::<serde_json::Value>(json) else { continue };
            if let Some(model) = chunk["model"].as_str() {
                model.clone_into(&mut self.model);
            }
            words.extend(chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned));
        }
        words
    }
}
