//! The stage of every client: a scripted provider of one dialect, the real gateway over it, a tap in front of that.

use std::{fmt::Write, path::PathBuf, time::Duration};

use standin_testkit::{
    Exchange, Gate, Play, Received, ScriptedUpstream, Tap,
    grammar::{self, Ending},
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpStream, UnixListener},
};

use super::speech::{Asked, Dialect, Events, Said, Trouble};
use crate::gateway::Gateway;

/// The two keys that every scene has; the first is always asked first.
const A: &str = "key-of-account-a";
const B: &str = "key-of-account-b";

/// What every answer says, and what the slow one says piece by piece.
pub(crate) const WORDS: [&str; 5] = ["When ", "one cannot ", "go on, ", "another ", "steps in."];
/// What is said once a tool has answered.
pub(crate) const AFTER_THE_TOOL: [&str; 2] = ["The tool ", "has answered."];
/// What the provider says that a prompt has.
pub(crate) const COUNTED: u64 = 4_711;

/// When the gateway sends the head of a stream that has said nothing yet, and how often it shows that it is there.
const POLICY: &str = "[policy]\nhold_max = \"2s\"\nkeep_alive = \"300ms\"\n";
/// How long the quiet stream says nothing: long enough for a head and some signs of life.
const QUIET_BEFORE: Duration = Duration::from_millis(3_000);
const QUIET_BETWEEN: Duration = Duration::from_millis(1_000);
/// How many signs of life that is, at the least.
const SIGNS_MIN: usize = 3;

/// A way in which the first credential fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With an error instead of an answer.
    Answers(Trouble),
    /// With an error as the first event of a stream.
    FirstEvent,
    /// With a 200 that has no body.
    Empty,
}

/// All faults that a client must not notice, with the aliases under which they are found.
pub(crate) const FAULTS: [(&str, Fault); 6] = [
    ("fault-model", Fault::Answers(Trouble::ModelUnsupported)),
    ("fault-key", Fault::Answers(Trouble::WrongKey)),
    ("fault-rate", Fault::Answers(Trouble::RateLimited)),
    ("fault-server", Fault::Answers(Trouble::ServerError)),
    ("fault-event", Fault::FirstEvent),
    ("fault-empty", Fault::Empty),
];

/// The aliases of the other scenes.
pub(crate) mod scene {
    /// An answer.
    pub(crate) const WORDS: &str = "words";
    /// An answer whose events wait for the client.
    pub(crate) const SLOW: &str = "slow";
    /// A tool call, and an answer once the tool has.
    pub(crate) const TOOLS: &str = "tools";
    /// A stream that breaks after its first word.
    pub(crate) const CUT: &str = "cut";
    /// A stream of the first account that breaks after its first word; the second account answers.
    pub(crate) const CUT_ONCE: &str = "cut-once";
    /// The first account says nothing for long and then breaks; the second pauses between its words.
    pub(crate) const QUIET: &str = "quiet";
    /// The caller's own fault, whoever is asked.
    pub(crate) const OWN_FAULT: &str = "own-fault";
    /// The prompt does not fit, whoever is asked.
    pub(crate) const TOO_LONG: &str = "too-long";
    /// Both accounts have used up their allowance.
    pub(crate) const SPENT: &str = "spent";
    /// Both accounts have a wrong key.
    pub(crate) const REFUSED: &str = "refused";

    pub(super) const ALL: [&str; 10] =
        [WORDS, SLOW, TOOLS, CUT, CUT_ONCE, QUIET, OWN_FAULT, TOO_LONG, SPENT, REFUSED];
}

/// One client's stage.
pub(crate) struct Stage {
    pub(crate) dialect: Dialect,
    /// Holds the slow answer back before each of its words but the first.
    pub(crate) gate: Gate,
    upstream: ScriptedUpstream,
    tap: Tap,
    sockets: TempDir,
    gateway: Gateway,
}

impl Stage {
    /// Sets the stage for a client that speaks `dialect` and has this tool.
    pub(crate) async fn set(dialect: Dialect, tool: Said) -> Self {
        let gate = Gate::new();
        let script = Script { dialect, tool, gate: gate.clone() };
        let upstream = ScriptedUpstream::start(move |request| script.play(request)).await;
        let gateway = Gateway::with(&format!("{POLICY}{}", tables(dialect, &upstream)), []).await;
        let tap = Tap::before(gateway.address()).await;
        let sockets = tempfile::tempdir().unwrap();
        Self { dialect, gate, upstream, tap, sockets, gateway }
    }

    /// Where the client finds the gateway, without a path.
    pub(crate) fn root(&self) -> String {
        format!("http://{}", self.tap.address())
    }

    /// All that the client has asked so far.
    pub(crate) fn asked(&self) -> Vec<Exchange> {
        self.tap.exchanges()
    }

    /// Asks once without any client, so that the gateway learns what it can of a scene.
    pub(crate) async fn suspend(&self, scene: &str) {
        let (path, body) = self.dialect.question(scene);
        let reply = self.gateway.post(&path, body.to_string().as_bytes()).await;
        assert!(reply.status() >= 400, "{scene}: {}", reply.text());
    }

    /// How many answers the client has asked for so far; counts, lists and greetings cost nothing.
    pub(crate) fn asks(&self) -> usize {
        let asked = self.asked().into_iter().filter(|one| one.head.line.starts_with("POST "));
        let read = asked.map(|one| self.dialect.read(one.target(), &one.body).0);
        read.filter(|asked| matches!(asked, Asked::Answer { .. })).count()
    }

    /// Opens a Unix socket that leads to the gateway, for clients that can reach nothing else.
    pub(crate) fn open_socket(&mut self) -> PathBuf {
        let path = self.sockets.path().join("gateway");
        let listener = UnixListener::bind(&path).unwrap();
        let address = self.tap.address();
        tokio::spawn(async move {
            while let Ok((mut inside, _)) = listener.accept().await {
                let mut outside = TcpStream::connect(address).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut inside, &mut outside).await });
            }
        });
        path
    }

    /// Asserts that every stream that left the gateway obeys the grammar of the dialect, and ends as its scene does.
    pub(crate) fn assert_that_streams_are_well_formed(&self) {
        for exchange in self.asked() {
            let (_, scene) = self.dialect.read(exchange.target(), &exchange.body);
            let Some(reply) = exchange.reply else { continue };
            let kind = reply.head.header("content-type").unwrap_or_default();
            if !kind.starts_with("text/event-stream") {
                continue;
            }
            let breaks = scene == scene::CUT
                || (scene == scene::CUT_ONCE && !reply.text().contains(WORDS[WORDS.len() - 1]));
            let ending = if breaks { Ending::Failed } else { Ending::Complete };
            let _words = grammar::words(self.dialect.spoken(), &reply.body, ending);
        }
    }

    /// Asserts that the quiet stream showed that it was there, in the way of its dialect.
    pub(crate) fn assert_that_silence_was_filled(&self) {
        let quiet = |one: &Exchange| self.dialect.read(one.target(), &one.body).1 == scene::QUIET;
        let exchange = self.asked().into_iter().find(quiet).expect("the quiet stream was asked for");
        let text = exchange.reply.expect("it was answered").text();
        let signs = match self.dialect {
            Dialect::Chat | Dialect::Responses => text.matches(": keep-alive\n\n").count(),
            // The provider pings once itself.
            Dialect::Messages => text.matches("event: ping\n").count() - 1,
            // Blank lines, but for the one after each event.
            Dialect::Gemini => text.matches('\n').count() - 2 * text.matches("data: ").count(),
        };
        assert!(signs >= SIGNS_MIN, "{signs} signs of life: {text:?}");
    }

    /// How many calls the first and the second account of a scene have seen.
    pub(crate) fn calls(&self, scene: &str) -> (usize, usize) {
        let received = self.upstream.received();
        let of = |key: &str| {
            let is_meant = |one: &&Received| {
                one.key() == key && self.dialect.read(one.target(), &one.body).1 == model(scene)
            };
            received.iter().filter(is_meant).count()
        };
        (of(A), of(B))
    }

    /// The bodies that reached the provider in a scene.
    pub(crate) fn bodies(&self, scene: &str) -> Vec<String> {
        let received = self.upstream.received().into_iter();
        let meant = received.filter(|one| self.dialect.read(one.target(), &one.body).1 == model(scene));
        meant.map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect()
    }
}

/// The provider's name for the model of a scene.
fn model(scene: &str) -> String {
    format!("tiny-{scene}")
}

/// One upstream for each scene, so that no scene suspends what another needs.
fn tables(dialect: Dialect, upstream: &ScriptedUpstream) -> String {
    let kind = match dialect {
        Dialect::Chat => "kind = \"openai-compat\"",
        Dialect::Responses => "kind = \"openai-compat\"\nwire = \"responses\"",
        Dialect::Messages => "kind = \"anthropic\"",
        Dialect::Gemini => "kind = \"gemini\"",
    };
    let base_url = format!("http://{}", upstream.address());
    let mut text = String::new();
    for scene in scene::ALL.into_iter().chain(FAULTS.map(|(scene, _)| scene)) {
        let model = model(scene);
        writeln!(text, "[[upstream]]\nname = {scene:?}\n{kind}\nbase_url = {base_url:?}").unwrap();
        for (key, priority) in [(A, 1), (B, 0)] {
            let id = format!("{scene}-{key}");
            writeln!(text, "[[upstream.credential]]\nid = {id:?}\nkey = {key:?}\npriority = {priority}")
                .unwrap();
        }
        writeln!(text, "[[upstream.model]]\nname = {model:?}\nalias = [{scene:?}]").unwrap();
    }
    text
}

/// What the provider does.
struct Script {
    dialect: Dialect,
    tool: Said,
    gate: Gate,
}

impl Script {
    fn play(&self, request: &Received) -> Play {
        let (asked, model) = self.dialect.read(request.target(), &request.body);
        let scene = model.strip_prefix("tiny-").unwrap_or_default();
        let Asked::Answer { is_streaming, has_tool_result } = asked else {
            return Play::json(200, self.dialect.count(COUNTED).to_string());
        };
        let trouble = |trouble| self.trouble(&model, trouble);
        match scene {
            scene::TOOLS if has_tool_result => self.say(&model, &Said::words(&AFTER_THE_TOOL), is_streaming),
            scene::TOOLS => self.say(&model, &self.tool, is_streaming),
            scene::SLOW if is_streaming => self.say_slowly(&model),
            scene::CUT if is_streaming => self.break_off(&model),
            // A client that asks for a whole answer after half a stream shall not get one either.
            scene::CUT => trouble(Trouble::CallersFault),
            scene::CUT_ONCE if is_streaming && request.key() == A => self.break_off(&model),
            scene::QUIET if is_streaming => self.pause(&model, request.key() == A),
            scene::OWN_FAULT => trouble(Trouble::CallersFault),
            scene::TOO_LONG => trouble(Trouble::TooLong),
            scene::SPENT => trouble(Trouble::QuotaExhausted),
            scene::REFUSED => trouble(Trouble::WrongKey),
            _ => match FAULTS.iter().find(|(name, _)| *name == scene) {
                Some((_, fault)) if request.key() == A => self.fail(&model, *fault, is_streaming),
                _ => self.say(&model, &Said::words(&WORDS), is_streaming),
            },
        }
    }

    fn say(&self, model: &str, said: &Said, is_streaming: bool) -> Play {
        if !is_streaming {
            return Play::json(200, self.dialect.plain(model, said).to_string());
        }
        let events = self.dialect.stream(model, said);
        Play::sse([events.opening, events.content, events.closing].concat())
    }

    /// Each word waits until the client has shown that it has the one before.
    fn say_slowly(&self, model: &str) -> Play {
        let events = self.dialect.stream(model, &Said::words(&WORDS));
        let begun = events.opening.into_iter().fold(Play::sse_head(), |play, event| play.chunk(event));
        let said = events.content.into_iter().fold(begun, |play, word| play.chunk(word).wait_for(&self.gate));
        events.closing.into_iter().fold(said, |play, event| play.chunk(event)).end()
    }

    fn break_off(&self, model: &str) -> Play {
        let events = self.dialect.stream(model, &Said::words(&WORDS));
        let begun = events.opening.into_iter().chain(events.content.into_iter().take(1));
        begun.fold(Play::sse_head(), |play, event| play.chunk(event)).cut()
    }

    fn pause(&self, model: &str, breaks: bool) -> Play {
        let Events { opening, content, closing } = self.dialect.stream(model, &Said::words(&WORDS));
        let begun = opening.into_iter().fold(Play::sse_head(), Play::chunk);
        if breaks {
            return begun.pause(QUIET_BEFORE).cut();
        }
        let mut content = content.into_iter();
        let said = content.by_ref().take(1).fold(begun, Play::chunk).pause(QUIET_BETWEEN);
        content.chain(closing).fold(said, Play::chunk).end()
    }

    fn trouble(&self, model: &str, trouble: Trouble) -> Play {
        let (status, body) = self.dialect.error(model, trouble);
        let mut headers = vec![("content-type", "application/json")];
        match trouble {
            Trouble::QuotaExhausted => headers.push(("retry-after", "18000")),
            Trouble::RateLimited => headers.push(("retry-after", "20")),
            _ => {}
        }
        Play::reply(status, &headers, body.to_string())
    }

    fn fail(&self, model: &str, fault: Fault, is_streaming: bool) -> Play {
        match fault {
            Fault::Answers(trouble) => self.trouble(model, trouble),
            Fault::FirstEvent if is_streaming => Play::sse([self.dialect.error_event(model)]),
            Fault::FirstEvent => self.trouble(model, Trouble::ServerError),
            Fault::Empty if is_streaming => Play::sse_head().end(),
            Fault::Empty => Play::json(200, ""),
        }
    }
}
