//! Read the configuration, open the door, drain on a signal.

use std::{
    env, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use standin_conductor::Conductor;
use standin_config::Config;
use standin_server::{Client, Desk, Keyring, RequestIds, Site, serve, serve_admin};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use crate::{
    client_key, door,
    ground::Ground,
    parts::assemble,
    watch::{Live, read, watch},
};

/// Reads the configuration an invocation names; without a file, the environment's, behind a client key of its own.
///
/// # Errors
/// With everything that is wrong with it.
pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
    let sources = |name: &str| env::var(name).ok();
    match file {
        Some(path) => {
            let config = Config::load(path, &sources)?;
            door::tls(&config, path)?;
            Ok(config)
        }
        None => {
            let mut config = Config::from_environment(&sources)?;
            let kept = client_key::keep()?;
            announce(&kept);
            let key = kept.digest();
            config.clients = vec![standin_config::Client {
                name: "local".to_owned(),
                key,
                models: vec!["*".to_owned()],
                pin: true,
            }];
            Ok(config)
        }
    }
}

#[expect(clippy::print_stdout, reason = "the key is what the user of a laptop needs to see")]
fn announce(kept: &client_key::Kept) {
    let made = if kept.is_new { "made and stored in" } else { "read from" };
    println!("client key: {} ({made} {})", kept.text, kept.path.display());
}

/// Callers' keys, ready to be asked.
pub(crate) fn keyring(config: &Config) -> Keyring {
    let client = |client: &standin_config::Client| Client {
        name: client.name.as_str().into(),
        digest: client.key.digest,
        models: client.models.clone(),
        may_pin: client.pin,
    };
    Keyring::new(config.clients.iter().map(client).collect())
}

/// Everything between a configuration and a listener; connections are plain.
///
/// # Errors
/// When a part cannot be built.
pub async fn site(config: &Config, ground: &Ground) -> anyhow::Result<Site> {
    let assembly = assemble(config, ground).await?;
    ground.rekeyed(config);
    let clock = Arc::clone(&ground.clock);
    let conductor = Conductor::new(assembly, Arc::clone(&clock), client_key::seed());
    let ids = RequestIds::new(client_key::seed());
    Ok(Site::new(conductor, keyring(config), clock, ids, door::limits(config)))
}

/// Serves until a signal comes, then drains.
///
/// # Errors
/// When the configuration is wrong or the address cannot be had.
pub async fn run(file: Option<PathBuf>, listen: Option<std::net::SocketAddr>) -> anyhow::Result<()> {
    let known = file.as_deref().map(read).transpose()?;
    let mut config = match &known {
        Some(known) => known.config.clone(),
        None => load(None)?,
    };
    if let Some(listen) = listen {
        anyhow::ensure!(
            listen.ip().is_loopback() || !config.clients.is_empty(),
            "--listen {listen}: others can reach this address and no [[client]] is declared"
        );
        config.listen = listen;
    }
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let taken = || format!("listen on {}", config.listen);
    let socket = door::bind(config.listen).with_context(taken)?;
    // Beside everything else that has to be done before the door opens, so that no caller's first failure pays for it.
    let warm = tokio::task::spawn_blocking(standin_classify::Classifier::warm);
    let ground = Ground::new()?;
    let mut site = site(&config, &ground).await?;
    let tls = file.as_deref().map(|file| door::tls(&config, file)).transpose()?.flatten().map(Arc::new);
    if let Some(tls) = &tls {
        site = site.with_tls(Arc::clone(tls));
    }
    let site = Arc::new(site);
    let _desk = desk(&config, &site).await?;
    // Signals are heard before anybody can know that there is somebody to send them to.
    let (stop, hangup) = (stopped()?, signal(SignalKind::hangup()).ok());
    warm.await.context("compile the rules that read errors")?;
    let listener = door::listen(socket).with_context(taken)?;
    let (address, models) = (listener.local_addr()?, site.conductor().models().len());
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, models, "standin {} is ready on {scheme}://{address}/v1", env!("CARGO_PKG_VERSION"));
    if let (Some(file), Some(known)) = (file, known) {
        let live = Live { file, listen, site: Arc::clone(&site), tls, ground: Arc::clone(&ground) };
        tokio::spawn(watch(live, known, hangup));
    }
    tokio::spawn(Arc::clone(&ground).look_after(site.conductor().clone()));
    let drained = serve(listener, site, stop).await;
    ground.settle().await;
    tracing::info!(cut = drained.cut, "drained, good-bye");
    Ok(())
}

/// The operator's own listener, if the configuration has one; it ends with what is returned.
async fn desk(config: &Config, site: &Arc<Site>) -> anyhow::Result<JoinSet<()>> {
    let mut desk = JoinSet::new();
    if let Some(admin) = &config.admin {
        let listener = TcpListener::bind(admin.listen).await;
        let listener = listener.with_context(|| format!("listen on {} for the operator", admin.listen))?;
        tracing::info!(address = %listener.local_addr()?, "the operator's listener is open");
        desk.spawn(serve_admin(listener, Arc::new(Desk::new(Arc::clone(site), &admin.token))));
    }
    Ok(desk)
}

/// The first SIGTERM or SIGINT; the second ends the process at once.
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(told_to_stop(terminate, interrupt))
}

async fn told_to_stop(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    tracing::info!("told to stop: draining; a second signal ends at once");
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        #[expect(
            clippy::disallowed_methods,
            reason = "the second signal means: at once, whatever is still going on"
        )]
        std::process::exit(1);
    });
}
