//! Every coding agent through the same scenes, shut up with the gateway in a network of its own.

use std::{fs, ops::RangeInclusive, process::Command, time::Duration};

use serde_json::{Value, json};
use standin_testkit::{client::Reply, skip};

use super::{
    driver::{Driver, Report},
    speech::{CALLERS_FAULT, Dialect, Said},
    stage::{AFTER_THE_TOOL, COUNTED, FAULTS, Stage, WORDS, scene},
};

/// What stands in the file that the agents read with their tool.
const NOTES: &str = "21 degrees in Lisbon";
/// How long an agent may take, with its start, to tell its user that nothing can be had.
const REFUSED_MAX: Duration = Duration::from_secs(30);

/// One coding agent.
#[derive(Debug, Clone)]
struct Agent {
    name: &'static str,
    dialect: Dialect,
    /// How it reads `notes.txt`.
    tool: Said,
    /// Whether it lets many prompts be counted at once when its user asks what the context is made of.
    counts: bool,
    /// Whether it asks for the list of models when it is told to.
    lists: bool,
    /// Whether its own provider tries WebSocket first.
    tries_websocket: bool,
    /// How often it asks for a model that the gateway does not have, if it can.
    asks_for_a_wrong_name: Option<usize>,
    /// How often it asks when the prompt does not fit.
    asks_when_too_long: RangeInclusive<usize>,
    /// How often it asks for an answer when every stream breaks after its first word.
    asks_when_cut: RangeInclusive<usize>,
    /// Whether it asks again when a stream has broken, and thus gets a whole answer from the stand-in.
    recovers: bool,
    /// How often it asks when nothing can be had for hours: quotas are used up.
    asks_when_spent: RangeInclusive<usize>,
}

impl Agent {
    /// Plays all scenes.
    async fn performs(self) {
        if !Command::new("unshare").args(["--net", "true"]).status().is_ok_and(|status| status.success()) {
            return skip(self.name, "there is no way to make a network namespace for it");
        }
        let mut stage = Stage::set(self.dialect, self.tool.clone()).await;
        let socket = stage.open_socket();
        let Some(driver) = Driver::agent(self.name, &socket) else { return };
        let mut show = Show { agent: self, stage, driver };
        show.answers_word_by_word();
        show.goes_round_with_a_tool();
        show.counts_without_asking();
        show.is_turned_from_websocket_to_http();
        show.never_notices_a_fault();
        show.bears_a_long_silence();
        show.pays_once_for_its_own_fault();
        show.is_told_of_a_wrong_name();
        show.is_told_of_a_prompt_too_long();
        show.never_takes_half_an_answer_for_a_whole_one();
        show.gives_up_when_nothing_can_be_had().await;
        show.stage.assert_that_streams_are_well_formed();
        let contacts = fs::read_to_string(socket.with_extension("contacts")).unwrap();
        assert_eq!(contacts, "", "it tried to reach others");
        show.lists_models();
    }
}

/// One agent on its stage.
struct Show {
    agent: Agent,
    stage: Stage,
    driver: Driver,
}

impl Show {
    /// Lets the agent do something, and says how many answers it asked for.
    fn ask(&mut self, what: &str, scene: &str) -> (Report, usize) {
        let before = self.stage.asks();
        let gate = self.stage.gate.clone();
        let report = self.driver.ask(what, scene, || gate.open());
        let asks = self.stage.asks() - before;
        println!("{}: {what} {scene}: {asks} asks in {:?}: {report:?}", self.agent.name, report.took);
        (report, asks)
    }

    fn answers_word_by_word(&mut self) {
        let (report, asks) = self.ask("run_once", scene::WORDS);
        assert_eq!((report.text.as_str(), asks), (WORDS.concat().as_str(), 1), "{report:?}");
        // The provider does not go on before the agent has shown the last word.
        let (report, asks) = self.ask("stream", scene::SLOW);
        assert_eq!((report.pieces.as_slice(), asks), (WORDS.map(str::to_owned).as_slice(), 1), "{report:?}");
    }

    fn goes_round_with_a_tool(&mut self) {
        let (report, asks) = self.ask("ask", scene::TOOLS);
        assert_eq!((report.text.as_str(), asks), (AFTER_THE_TOOL.concat().as_str(), 2), "{report:?}");
        let bodies = self.stage.bodies(scene::TOOLS);
        assert!(!bodies[0].contains(NOTES) && bodies[1].contains(NOTES), "{}", bodies[1]);
    }

    fn is_turned_from_websocket_to_http(&mut self) {
        if !self.agent.tries_websocket {
            return;
        }
        let before = self.stage.asked().len();
        let (report, asks) = self.ask("built_in", scene::WORDS);
        assert_eq!((report.text.as_str(), asks), (WORDS.concat().as_str(), 1), "{report:?}");
        let asked = self.stage.asked().split_off(before);
        let handshakes = asked.iter().filter(|one| one.head.line.starts_with("GET /v1/responses"));
        let told: Vec<_> = handshakes.map(|one| one.reply.as_ref().map(Reply::status)).collect();
        assert_eq!(told, [Some(426)]);
    }

    /// The list is asked for by the way, so the agent need not show it.
    fn lists_models(&mut self) {
        if !self.agent.lists {
            return;
        }
        let before = self.stage.asked().len();
        let (report, _) = self.ask("models", scene::WORDS);
        assert_eq!(report.text, WORDS.concat(), "{report:?}");
        let asked = self.stage.asked().split_off(before);
        let list =
            asked.iter().find(|one| one.target().starts_with("/v1/models")).expect("it asks for the list");
        let reply = list.reply.as_ref().unwrap();
        let list: Value = serde_json::from_slice(&reply.body).unwrap();
        let names = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap());
        assert_eq!((reply.status(), list["has_more"].as_bool()), (200, Some(false)), "{list}");
        assert!(names.into_iter().any(|name| name == scene::WORDS), "{list}");
    }

    /// One command of its user, a dozen questions at once.
    fn counts_without_asking(&mut self) {
        if !self.agent.counts {
            return;
        }
        let before = self.stage.asked().len();
        let (report, asks) = self.ask("count", scene::WORDS);
        assert!(report.error.is_none() && report.text.contains("Context Usage"), "{report:?}");
        let asked = self.stage.asked().split_off(before);
        let counts = asked.iter().filter(|one| one.target().contains("/count_tokens"));
        let counted = counts.map(|one| one.reply.as_ref().map(|reply| (reply.status(), reply.text())));
        let counted: Vec<_> = counted.map(Option::unwrap_or_default).collect();
        let answer = (200, self.agent.dialect.count(COUNTED).to_string());
        assert!(counted.len() > 10 && counted.iter().all(|one| *one == answer), "{counted:?}");
        assert_eq!(asks, 0);
    }

    fn never_notices_a_fault(&mut self) {
        for (scene, _) in FAULTS {
            let (report, asks) = self.ask("ask", scene);
            assert!(report.error.is_none(), "{scene}: {report:?}");
            assert_eq!((report.text.as_str(), asks), (WORDS.concat().as_str(), 1), "{scene}: {report:?}");
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: calls to the two accounts");
        }
    }

    fn bears_a_long_silence(&mut self) {
        let (report, asks) = self.ask("ask", scene::QUIET);
        assert_eq!((report.text.as_str(), asks), (WORDS.concat().as_str(), 1), "{report:?}");
        assert_eq!(self.stage.calls(scene::QUIET), (1, 1));
        self.stage.assert_that_silence_was_filled();
    }

    fn pays_once_for_its_own_fault(&mut self) {
        let (report, asks) = self.ask("ask", scene::OWN_FAULT);
        let error = report.error.as_ref().unwrap_or_else(|| panic!("no error: {report:?}"));
        assert!(error.message.contains(CALLERS_FAULT), "{error:?}");
        assert_eq!((asks, self.stage.calls(scene::OWN_FAULT)), (1, (1, 0)));
    }

    /// The words and codes are left as they are, because agents act on them: they compact the conversation or stop.
    fn is_told_of_a_prompt_too_long(&mut self) {
        let (report, asks) = self.ask("ask", scene::TOO_LONG);
        assert!(report.error.is_some(), "{report:?}");
        assert_eq!(self.stage.calls(scene::TOO_LONG), (asks, 0), "{report:?}");
        assert!(self.agent.asks_when_too_long.contains(&asks), "{asks} asks: {report:?}");
    }

    fn is_told_of_a_wrong_name(&mut self) {
        let Some(wanted) = self.agent.asks_for_a_wrong_name else { return };
        let (report, asks) = self.ask("ask", "no-such-model");
        let error = report.error.as_ref().unwrap_or_else(|| panic!("no error: {report:?}"));
        assert!(error.message.contains("no-such-model"), "{error:?}");
        assert_eq!(asks, wanted, "{report:?}");
    }

    fn never_takes_half_an_answer_for_a_whole_one(&mut self) {
        let (report, asks) = self.ask("ask", scene::CUT);
        assert!(report.error.is_some(), "half an answer looked like a whole one: {report:?}");
        assert!(self.agent.asks_when_cut.contains(&asks), "{asks} asks: {report:?}");
        let (report, _) = self.ask("ask", scene::CUT_ONCE);
        if self.agent.recovers {
            assert!(report.error.is_none() && report.text.ends_with(&WORDS.concat()), "{report:?}");
        } else {
            assert!(report.error.is_some(), "half an answer looked like a whole one: {report:?}");
        }
    }

    async fn gives_up_when_nothing_can_be_had(&mut self) {
        for scene in [scene::SPENT, scene::REFUSED] {
            self.stage.suspend(scene).await;
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: each account is asked once");
            let (report, asks) = self.ask("ask", scene);
            assert!(report.error.is_some(), "{scene}: {report:?}");
            let wanted = if scene == scene::SPENT { self.agent.asks_when_spent.clone() } else { 1..=1 };
            assert!(wanted.contains(&asks), "{scene}: {asks} asks: {report:?}");
            assert!(*wanted.end() > 1 || report.took < REFUSED_MAX, "{scene}: {report:?}");
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: nobody is asked again");
        }
    }
}

/// A call of a tool by its name.
fn call(name: &str, arguments: Value) -> Said {
    Said::Call { name: name.to_owned(), arguments }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_cli() {
    let agent = Agent {
        name: "codex",
        dialect: Dialect::Responses,
        tool: call("exec_command", json!({"cmd": "cat notes.txt"})),
        counts: false,
        lists: false,
        tries_websocket: true,
        asks_for_a_wrong_name: Some(1),
        asks_when_too_long: 1..=2,
        asks_when_cut: 2..=6,
        recovers: true,
        asks_when_spent: 1..=1,
    };
    agent.performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code() {
    let agent = Agent {
        name: "claude-code",
        dialect: Dialect::Messages,
        tool: call("Read", json!({"file_path": "notes.txt"})),
        counts: true,
        lists: true,
        tries_websocket: false,
        asks_for_a_wrong_name: Some(2),
        asks_when_too_long: 1..=2,
        asks_when_cut: 2..=2,
        recovers: true,
        asks_when_spent: 1..=1,
    };
    agent.performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_cli() {
    let agent = Agent {
        name: "gemini-cli",
        dialect: Dialect::Gemini,
        tool: call("read_file", json!({"file_path": "notes.txt"})),
        counts: false,
        lists: false,
        tries_websocket: false,
        asks_for_a_wrong_name: Some(1),
        asks_when_too_long: 1..=2,
        asks_when_cut: 1..=4,
        recovers: true,
        asks_when_spent: 1..=1,
    };
    agent.performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode() {
    let agent = Agent {
        name: "opencode",
        dialect: Dialect::Chat,
        tool: call("read", json!({"filePath": "notes.txt"})),
        counts: false,
        lists: false,
        tries_websocket: false,
        asks_for_a_wrong_name: None,
        asks_when_too_long: 1..=2,
        asks_when_cut: 2..=2,
        recovers: true,
        asks_when_spent: 2..=2,
    };
    agent.performs().await;
}
