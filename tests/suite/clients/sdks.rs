//! Every client library through the same scenes: what it gives its user, what it asks the gateway, what the provider sees.

use std::time::Duration;

use serde_json::json;

use super::{
    driver::{Driver, Language, Report},
    speech::{CALLERS_FAULT, Dialect, Said, TOO_MANY},
    stage::{AFTER_THE_TOOL, COUNTED, FAULTS, Fault, Stage, WORDS, scene},
};

/// What the tool of every library says, and thus must be found in what reaches the provider.
const TOOL_RESULT: &str = "21 degrees in Lisbon";
/// How long a client may take to tell its user that nothing can be had; most need some milliseconds.
const REFUSED_MAX: Duration = Duration::from_secs(3);

/// Errors of a library that could not read what it got.
const PUZZLED: [&str; 6] =
    ["AttributeError", "IndexError", "JSONDecodeError", "KeyError", "SyntaxError", "TypeError"];

/// One client library.
#[derive(Debug, Clone, Copy)]
struct Sdk {
    language: Language,
    name: &'static str,
    dialect: Dialect,
    /// Whether it counts tokens.
    counts: bool,
    /// Whether it lists models.
    lists: bool,
    /// Requests it makes, with its own retries, when nothing can be had for hours; it hears that asking again is of no use.
    asks_when_spent: usize,
}

impl Sdk {
    const fn new(language: Language, name: &'static str, dialect: Dialect) -> Self {
        Self { language, name, dialect, counts: false, lists: false, asks_when_spent: 1 }
    }

    const fn counts(mut self) -> Self {
        self.counts = true;
        self
    }

    const fn lists(mut self) -> Self {
        self.lists = true;
        self
    }

    /// For libraries that do not listen to `x-should-retry`.
    const fn asks_when_spent(mut self, times: usize) -> Self {
        self.asks_when_spent = times;
        self
    }

    /// Plays all scenes.
    async fn performs(self) {
        let stage = Stage::set(self.dialect, tool()).await;
        let Some(driver) = Driver::library(self.language, self.name, &stage.root()) else { return };
        let mut show = Show { sdk: self, stage, driver };
        show.answers();
        show.streams_word_by_word();
        show.goes_round_with_a_tool();
        show.counts_and_lists();
        show.never_notices_a_fault();
        show.bears_a_long_silence();
        show.pays_once_for_its_own_fault();
        show.reports_a_stream_that_broke();
        show.gives_up_at_once_when_nothing_can_be_had().await;
        show.stage.assert_that_streams_are_well_formed();
    }
}

/// The call that the model makes.
fn tool() -> Said {
    Said::Call { name: "get_weather".to_owned(), arguments: json!({"city": "Lisbon", "days": 7}) }
}

/// One library on its stage.
struct Show {
    sdk: Sdk,
    stage: Stage,
    driver: Driver,
}

impl Show {
    /// Lets the client do something, and says how many requests that took.
    fn ask(&mut self, what: &str, scene: &str) -> (Report, usize) {
        let before = self.stage.asked().len();
        let gate = self.stage.gate.clone();
        let report = self.driver.ask(what, scene, || gate.open());
        let requests = self.stage.asked().len() - before;
        println!("{}: {what} {scene}: {requests} requests in {:?}: {report:?}", self.sdk.name, report.took);
        let kind = report.error.as_ref().map_or("", |error| error.kind.as_str());
        assert!(!PUZZLED.contains(&kind), "{what} {scene}: the client could not read this: {report:?}");
        (report, requests)
    }

    /// Lets the client do something that has to work with one request.
    fn ask_once(&mut self, what: &str, scene: &str) -> Report {
        let (report, requests) = self.ask(what, scene);
        assert!(report.error.is_none(), "{what} {scene}: {report:?}");
        assert_eq!(requests, 1, "{what} {scene}: {report:?}");
        report
    }

    fn answers(&mut self) {
        for what in ["plain", "stream"] {
            assert_eq!(self.ask_once(what, scene::WORDS).text, WORDS.concat(), "{what}");
        }
        assert_eq!(self.stage.calls(scene::WORDS), (2, 0));
    }

    fn streams_word_by_word(&mut self) {
        // The provider does not go on before the client has shown the last word: anything that waits for more would hang.
        assert_eq!(self.ask_once("stream", scene::SLOW).pieces, WORDS);
    }

    fn goes_round_with_a_tool(&mut self) {
        for what in ["tools_plain", "tools_stream"] {
            let before = self.stage.bodies(scene::TOOLS).len();
            let (report, requests) = self.ask(what, scene::TOOLS);
            let call = report.called.as_ref().unwrap_or_else(|| panic!("{what}: no call: {report:?}"));
            assert_eq!(call.name, "get_weather", "{what}");
            assert_eq!(call.arguments, json!({"city": "Lisbon", "days": 7}), "{what}");
            assert_eq!(report.text, AFTER_THE_TOOL.concat(), "{what}");
            let bodies = self.stage.bodies(scene::TOOLS).split_off(before);
            assert_eq!((requests, bodies.len()), (2, 2), "{what}");
            assert!(bodies[1].contains(TOOL_RESULT), "{what}: {}", bodies[1]);
        }
    }

    fn counts_and_lists(&mut self) {
        if self.sdk.counts {
            assert_eq!(self.ask_once("count", scene::WORDS).count, Some(COUNTED));
        }
        if self.sdk.lists {
            let models = self.ask_once("models", scene::WORDS).models;
            assert!(models.iter().any(|model| model == scene::WORDS), "{models:?}");
        }
    }

    fn never_notices_a_fault(&mut self) {
        for (scene, fault) in FAULTS {
            let whats: &[&str] = if fault == Fault::FirstEvent { &["stream"] } else { &["stream", "plain"] };
            for what in whats {
                assert_eq!(self.ask_once(what, scene).text, WORDS.concat(), "{what} {scene}");
            }
            assert_eq!(self.stage.calls(scene), (1, whats.len()), "{scene}: calls to the two accounts");
        }
    }

    fn bears_a_long_silence(&mut self) {
        assert_eq!(self.ask_once("stream", scene::QUIET).text, WORDS.concat());
        assert_eq!(self.stage.calls(scene::QUIET), (1, 1));
        self.stage.assert_that_silence_was_filled();
    }

    fn pays_once_for_its_own_fault(&mut self) {
        for (scene, told) in [(scene::OWN_FAULT, CALLERS_FAULT), (scene::TOO_LONG, TOO_MANY)] {
            for what in ["plain", "stream"] {
                let before = self.stage.calls(scene);
                let (report, requests) = self.ask(what, scene);
                let error =
                    report.error.as_ref().unwrap_or_else(|| panic!("{what} {scene}: no error: {report:?}"));
                assert!(error.message.contains(told), "{what} {scene}: {error:?}");
                let after = self.stage.calls(scene);
                assert_eq!((requests, after), (1, (before.0 + 1, before.1)), "{what} {scene}");
            }
        }
    }

    fn reports_a_stream_that_broke(&mut self) {
        let (report, requests) = self.ask("stream", scene::CUT);
        assert!(report.error.is_some(), "half an answer looked like a whole one: {report:?}");
        assert_eq!(report.pieces, WORDS[..1]);
        assert_eq!((requests, self.stage.calls(scene::CUT)), (1, (1, 0)));
    }

    async fn gives_up_at_once_when_nothing_can_be_had(&mut self) {
        for scene in [scene::SPENT, scene::REFUSED] {
            self.stage.suspend(scene).await;
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: each account is asked once");
            let asks = if scene == scene::SPENT { self.sdk.asks_when_spent } else { 1 };
            // Those that wait between their requests wait once for all.
            let whats: &[&str] = if asks > 1 { &["stream"] } else { &["plain", "stream"] };
            for what in whats {
                let (report, requests) = self.ask(what, scene);
                assert!(report.error.is_some(), "{what} {scene}: {report:?}");
                assert_eq!(requests, asks, "{what} {scene}: {report:?}");
                assert!(asks > 1 || report.took < REFUSED_MAX, "{what} {scene}: {report:?}");
            }
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: nobody is asked again");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_python_speaks_chat() {
    Sdk::new(Language::Python, "openai-chat", Dialect::Chat).lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_python_speaks_responses() {
    Sdk::new(Language::Python, "openai-responses", Dialect::Responses).counts().lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_for_python() {
    Sdk::new(Language::Python, "anthropic", Dialect::Messages).counts().lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_genai_for_python() {
    Sdk::new(Language::Python, "google-genai", Dialect::Gemini).counts().lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn langchain_openai() {
    Sdk::new(Language::Python, "langchain-openai", Dialect::Chat).performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn llm() {
    Sdk::new(Language::Python, "llm", Dialect::Chat).performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_javascript_speaks_chat() {
    Sdk::new(Language::JavaScript, "openai-chat", Dialect::Chat).lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openai_for_javascript_speaks_responses() {
    Sdk::new(Language::JavaScript, "openai-responses", Dialect::Responses).counts().lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anthropic_for_javascript() {
    Sdk::new(Language::JavaScript, "anthropic", Dialect::Messages).counts().lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_genai_for_javascript() {
    Sdk::new(Language::JavaScript, "google-genai", Dialect::Gemini).counts().lists().performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ai_sdk_speaks_chat() {
    let sdk = Sdk::new(Language::JavaScript, "ai-sdk-compatible", Dialect::Chat);
    sdk.asks_when_spent(3).performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ai_sdk_speaks_responses() {
    let sdk = Sdk::new(Language::JavaScript, "ai-sdk-openai", Dialect::Responses);
    sdk.asks_when_spent(3).performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ai_sdk_speaks_messages() {
    let sdk = Sdk::new(Language::JavaScript, "ai-sdk-anthropic", Dialect::Messages);
    sdk.asks_when_spent(3).performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ai_sdk_speaks_gemini() {
    let sdk = Sdk::new(Language::JavaScript, "ai-sdk-google", Dialect::Gemini);
    sdk.asks_when_spent(3).performs().await;
}
