//! The gateway shows itself: two scripted upstreams inside this process, the real proxy before them, and a request that falls back.
//!
//! Only the two upstreams are scripted. Everything that is told comes from the proxy itself: the answer, the trail of
//! its decisions, and what it remembers.

mod client;
mod ink;
mod tell;
mod upstreams;

use std::{path::Path, sync::Arc, time::Duration};

use standin_config::Config;
use standin_core::RequestId;
use standin_server::{Site, serve};
use tokio::net::TcpListener;

use self::{client::Served, ink::Ink};

/// Where the demo listens if nobody else does.
const ADDRESS: &str = "127.0.0.1:8317";
/// The key of the demo's caller. It opens nothing but two scripted upstreams on this machine.
const KEY: &str = "standin-demo-caller-key";

/// Runs the demo; with `once` it ends after two requests, else with Ctrl-C.
///
/// # Errors
/// When a socket cannot be had, or when the gateway does not do what the demo is about to show.
pub async fn run(once: bool) -> anyhow::Result<()> {
    let ink = Ink::for_stdout();
    let first = upstreams::start(upstreams::Script::RefuseModel).await?;
    let second = upstreams::start(upstreams::Script::Answer).await?;
    let config = Config::parse(&configuration(first, second), Path::new("demo.toml"), &|_: &str| None)?;
    let site = Arc::new(standin_assembly::site(&config, &*standin_assembly::Ground::new()?).await?);
    let listener = match TcpListener::bind(ADDRESS).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind("127.0.0.1:0").await?,
    };
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving =
        tokio::spawn(serve(listener, Arc::clone(&site), async { stopped.await.unwrap_or_default() }));

    ink.title("Standin: when a model cannot go on, a stand-in does.");
    ink.line("Two upstreams run inside this process, and the proxy before them. Callers ask for");
    ink.line(&format!(
        "{}; behind it stand {} and {}.",
        ink.name("assistant"),
        ink.name("alpha/swift-1"),
        ink.name("beta/sturdy-2")
    ));
    ink.line(&format!("alpha does not serve its model. Nobody has told the proxy, which is on {address}."));

    for (heading, prompt) in [
        ("1. A request goes in, and its model cannot go on", "Who are you?"),
        ("2. The next request goes straight to the stand-in", "And now?"),
    ] {
        ink.heading(heading);
        let served = client::ask(address, KEY, prompt, &ink).await?;
        report(&site, &served, &ink).await;
    }
    tell::remembered(&site, &ink);
    if once {
        let _ = stop.send(());
        let _ = serving.await;
        return Ok(());
    }
    ink.heading("Try it yourself");
    ink.line(&format!("curl -N http://{address}/v1/chat/completions -H 'authorization: Bearer {KEY}' \\"));
    ink.line(r#"  -H 'content-type: application/json' \"#);
    ink.line(r#"  -d '{"model":"assistant","stream":true,"messages":[{"role":"user","content":"hi"}]}'"#);
    ink.line("");
    ink.line("Ctrl-C ends it.");
    tokio::signal::ctrl_c().await?;
    let _ = stop.send(());
    let _ = serving.await;
    Ok(())
}

/// What happened, by the proxy's own record of the request.
async fn report(site: &Arc<Site>, served: &Served, ink: &Ink) {
    let id = RequestId::new(served.request_id.as_str());
    // The record is complete once the server has let go of the reply, which is a moment after its last byte.
    for _ in 0..100 {
        if let Some(story) = site.conductor().story(&id) {
            tell::story(&story, site, ink);
            tell::summary(served, ink);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn configuration(first: std::net::SocketAddr, second: std::net::SocketAddr) -> String {
    let upstream = |name: &str, address: std::net::SocketAddr, model: &str, priority: i32| {
        let key = standin_assembly::seed();
        format!(
            r#"
[[upstream]]
name = "{name}"
kind = "openai-compat"
base_url = "http://{address}/v1"

  [[upstream.credential]]
  id = "{name}-1"
  key = "demo-{key:016x}"
  priority = {priority}

  [[upstream.model]]
  name = "{model}"
  alias = ["assistant"]
"#
        )
    };
    let client = format!("[[client]]\nname = \"demo\"\nkey = \"{KEY}\"\n");
    client + &upstream("alpha", first, "swift-1", 1) + &upstream("beta", second, "sturdy-2", 0)
}
