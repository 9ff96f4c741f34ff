//! A server on a real socket that answers every request as a script says, and remembers what it was asked.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use tokio::{net::TcpListener, sync::Notify, task::JoinHandle, time::timeout};

use crate::{Play, Received, connection};

/// How long [`ScriptedUpstream::wait_until`] believes that something will still happen.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Script = Arc<dyn Fn(&Received) -> Play + Send + Sync>;

/// A scripted upstream on `127.0.0.1`; it ends when this value is dropped.
pub struct ScriptedUpstream {
    address: SocketAddr,
    log: Arc<Log>,
    accepting: JoinHandle<()>,
}

/// What all connections of one upstream write to.
#[derive(Default)]
pub(crate) struct Log {
    received: Mutex<Vec<Received>>,
    /// Nothing is kept: for runs of hours.
    is_forgetful: bool,
    changed: Notify,
}

impl Log {
    pub(crate) fn add(&self, mut request: Received) -> Received {
        if self.is_forgetful {
            return request;
        }
        let mut all = self.received.lock().unwrap();
        request.number = all.len();
        all.push(request.clone());
        drop(all);
        self.changed.notify_waiters();
        request
    }

    pub(crate) fn mark_gone(&self, number: usize) {
        if let Some(request) = self.received.lock().unwrap().get_mut(number) {
            request.gone_at = Some(crate::now());
        }
        self.changed.notify_waiters();
    }
}

impl ScriptedUpstream {
    /// Starts an upstream that asks `script` what to do with each request.
    ///
    /// # Panics
    /// When no local port can be had.
    pub async fn start(script: impl Fn(&Received) -> Play + Send + Sync + 'static) -> Self {
        Self::listen(script, Log::default()).await
    }

    async fn listen(script: impl Fn(&Received) -> Play + Send + Sync + 'static, log: Log) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a local port");
        let address = listener.local_addr().expect("know the own address");
        let (log, script) = (Arc::new(log), Arc::new(script) as Script);
        let accepting = tokio::spawn(accept(listener, script, log.clone()));
        Self { address, log, accepting }
    }

    /// Starts an upstream that answers for hours without remembering what it was asked.
    ///
    /// # Panics
    /// When no local port can be had.
    pub async fn forgetful(script: impl Fn(&Received) -> Play + Send + Sync + 'static) -> Self {
        Self::listen(script, Log { is_forgetful: true, ..Log::default() }).await
    }

    /// Starts an upstream that answers everything in the same way.
    pub async fn always(play: Play) -> Self {
        Self::start(move |_| play.clone()).await
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a configuration, ending in `/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every request so far, oldest first.
    ///
    /// # Panics
    /// When a connection panicked while it wrote the list.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.log.received.lock().unwrap().clone()
    }

    /// How many requests came with this key.
    #[must_use]
    pub fn calls(&self, key: &str) -> usize {
        self.received().iter().filter(|request| request.key() == key).count()
    }

    /// Waits until what was received fulfils `is_enough`, and returns it.
    ///
    /// # Panics
    /// When that has not happened after 20 s.
    pub async fn wait_until(&self, is_enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let waiting = async {
            loop {
                let changed = self.log.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                let received = self.received();
                if is_enough(&received) {
                    return received;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, waiting).await.expect("the upstream received what the test waits for")
    }
}

impl Drop for ScriptedUpstream {
    fn drop(&mut self) {
        // Its connections go with it: they live in a set that the accepting task owns.
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, script: Script, log: Arc<Log>) {
    let mut connections = tokio::task::JoinSet::new();
    let mut number = 0;
    while let Ok((stream, _)) = listener.accept().await {
        // Whatever chunk a script sends shall be a packet of its own.
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        connections.spawn(connection::serve(stream, number, script.clone(), log.clone()));
        number += 1;
    }
}

/// A script that answers by the caller's key; a key that is not named gets a 401.
pub fn by_key<const N: usize>(
    plays: [(&str, Play); N],
) -> impl Fn(&Received) -> Play + Send + Sync + 'static {
    let plays: HashMap<String, Play> = plays.into_iter().map(|(key, play)| (key.to_owned(), play)).collect();
    move |request| {
        let unknown = || Play::json(401, r#"{"error":{"message":"no such key","code":"invalid_api_key"}}"#);
        plays.get(request.key()).cloned().unwrap_or_else(unknown)
    }
}

/// A script that plays one after the other and repeats the last.
///
/// # Panics
/// When asked without any play.
pub fn in_turn(plays: impl IntoIterator<Item = Play>) -> impl Fn(&Received) -> Play + Send + Sync + 'static {
    let plays: Vec<Play> = plays.into_iter().collect();
    assert!(!plays.is_empty(), "a script needs a play");
    let next = AtomicUsize::new(0);
    move |_| plays[next.fetch_add(1, Ordering::SeqCst).min(plays.len() - 1)].clone()
}
