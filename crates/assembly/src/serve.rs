//! Read the configuration, open the door, reload on change, drain on a signal.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use standin_conductor::Conductor;
use standin_config::Config;
use standin_server::{Client, Keyring, Limits, RequestIds, Site, serve};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{client_key, ground::Ground, parts::assemble};

/// How often the configuration file is looked at. Looking is robust where notifications are not: bind mounts, NFS.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Reads the configuration an invocation names; without a file, the environment's, behind a client key of its own.
///
/// # Errors
/// With everything that is wrong with it.
pub fn load(file: Option<&Path>) -> anyhow::Result<Config> {
    let sources = |name: &str| env::var(name).ok();
    match file {
        Some(path) => Ok(Config::load(path, &sources)?),
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
fn keyring(config: &Config) -> Keyring {
    let client = |client: &standin_config::Client| Client {
        name: client.name.as_str().into(),
        digest: client.key.digest,
        models: client.models.clone(),
        may_pin: client.pin,
    };
    Keyring::new(config.clients.iter().map(client).collect())
}

/// Everything between a configuration and a listener.
///
/// # Errors
/// When a part cannot be built.
pub async fn site(config: &Config, ground: &Ground) -> anyhow::Result<Arc<Site>> {
    let assembly = assemble(config, ground).await?;
    ground.rekeyed(config);
    let clock = Arc::clone(&ground.clock);
    let conductor = Conductor::new(assembly, Arc::clone(&clock), client_key::seed());
    let ids = RequestIds::new(client_key::seed());
    Ok(Arc::new(Site::new(conductor, keyring(config), clock, ids, Limits::default())))
}

/// Serves until a signal comes, then drains.
///
/// # Errors
/// When the configuration is wrong or the address cannot be had.
pub async fn run(file: Option<PathBuf>, listen: Option<std::net::SocketAddr>) -> anyhow::Result<()> {
    let mut config = load(file.as_deref())?;
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
    let ground = Ground::new()?;
    let site = site(&config, &ground).await?;
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let models = site.conductor().models().len();
    tracing::info!(%address, models, "standin {} is ready on http://{address}/v1", env!("CARGO_PKG_VERSION"));
    if let Some(file) = file {
        tokio::spawn(watch(file, Arc::clone(&site), Arc::clone(&ground)));
    }
    tokio::spawn(Arc::clone(&ground).look_after(site.conductor().clone()));
    let drained = serve(listener, site, stopped()).await;
    ground.settle().await;
    tracing::info!(cut = drained.cut, "drained, good-bye");
    Ok(())
}

/// The first SIGTERM or SIGINT; the second ends the process at once.
async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
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

/// Takes a changed file into use as a whole, or keeps what is there and says why.
async fn watch(file: PathBuf, site: Arc<Site>, ground: Arc<Ground>) {
    let stamp = |path: &Path| path.metadata().and_then(|meta| Ok((meta.modified()?, meta.len()))).ok();
    let mut known: Option<(SystemTime, u64)> = stamp(&file);
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        let is_told = tokio::select! {
            () = tokio::time::sleep(WATCH_EVERY) => false,
            () = told(hangup.as_mut()) => true,
        };
        let now = stamp(&file);
        if !is_told && (now == known || now.is_none()) {
            continue;
        }
        known = now;
        let reloaded = async {
            let config = load(Some(&file))?;
            let assembly = assemble(&config, &ground).await?;
            anyhow::Ok((config, assembly))
        };
        match reloaded.await {
            Ok((config, assembly)) => {
                site.conductor().reload(assembly);
                site.rekey(keyring(&config));
                for credential in ground.rekeyed(&config) {
                    site.conductor().store().renewed(&credential);
                }
                tracing::info!(file = %file.display(), "configuration reloaded");
            }
            Err(error) => tracing::error!("kept the old configuration: {error:#}"),
        }
    }
}

async fn told(hangup: Option<&mut tokio::signal::unix::Signal>) {
    match hangup {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
