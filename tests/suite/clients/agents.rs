//! Every coding agent through the same scenes, shut up with the gateway in a network of its own.

use std::{fs, ops::RangeInclusive, process::Command, time::Duration};

use serde_json::json;
use standin_testkit::skip;

use super::{
    driver::{Driver, Report},
    speech::{CALLERS_FAULT, Dialect, Said},
    stage::{AFTER_THE_TOOL, FAULTS, Stage, WORDS, scene},
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
    /// How often it asks for an answer when every stream breaks after its first word.
    asks_when_cut: RangeInclusive<usize>,
    /// Whether it asks again when a stream has broken, and thus gets a whole answer from the stand-in.
    recovers: bool,
    /// How often it asks when nothing can be had for hours: quotas are used up.
    asks_when_spent: RangeInclusive<usize>,
    /// The same when all credentials are rejected.
    asks_when_refused: RangeInclusive<usize>,
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
        show.never_notices_a_fault();
        show.pays_once_for_its_own_fault();
        show.never_takes_half_an_answer_for_a_whole_one();
        show.gives_up_when_nothing_can_be_had().await;
        show.stage.assert_that_streams_are_well_formed();
        let contacts = fs::read_to_string(socket.with_extension("contacts")).unwrap();
        assert_eq!(contacts, "", "it tried to reach others");
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

    fn never_notices_a_fault(&mut self) {
        for (scene, _) in FAULTS {
            let (report, asks) = self.ask("ask", scene);
            assert!(report.error.is_none(), "{scene}: {report:?}");
            assert_eq!((report.text.as_str(), asks), (WORDS.concat().as_str(), 1), "{scene}: {report:?}");
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: calls to the two accounts");
        }
    }

    fn pays_once_for_its_own_fault(&mut self) {
        let (report, asks) = self.ask("ask", scene::OWN_FAULT);
        let error = report.error.as_ref().unwrap_or_else(|| panic!("no error: {report:?}"));
        assert!(error.message.contains(CALLERS_FAULT), "{error:?}");
        assert_eq!((asks, self.stage.calls(scene::OWN_FAULT)), (1, (1, 0)));
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
            let agent = &self.agent;
            let wanted =
                if scene == scene::SPENT { &agent.asks_when_spent } else { &agent.asks_when_refused };
            assert!(wanted.contains(&asks), "{scene}: {asks} asks: {report:?}");
            assert!(*wanted.end() > 1 || report.took < REFUSED_MAX, "{scene}: {report:?}");
            assert_eq!(self.stage.calls(scene), (1, 1), "{scene}: nobody is asked again");
        }
    }
}

/// A call of a tool by its name.
fn call(name: &str, arguments: serde_json::Value) -> Said {
    Said::Call { name: name.to_owned(), arguments }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_cli() {
    let agent = Agent {
        name: "codex",
        dialect: Dialect::Responses,
        tool: call("exec_command", json!({"cmd": "cat notes.txt"})),
        asks_when_cut: 2..=6,
        recovers: true,
        asks_when_spent: 1..=1,
        asks_when_refused: 6..=6,
    };
    agent.performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_code() {
    let agent = Agent {
        name: "claude-code",
        dialect: Dialect::Messages,
        tool: call("Read", json!({"file_path": "notes.txt"})),
        asks_when_cut: 2..=2,
        recovers: true,
        asks_when_spent: 1..=1,
        asks_when_refused: 1..=1,
    };
    agent.performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_cli() {
    let agent = Agent {
        name: "gemini-cli",
        dialect: Dialect::Gemini,
        tool: call("read_file", json!({"file_path": "notes.txt"})),
        asks_when_cut: 1..=4,
        recovers: true,
        asks_when_spent: 1..=1,
        asks_when_refused: 1..=1,
    };
    agent.performs().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode() {
    let agent = Agent {
        name: "opencode",
        dialect: Dialect::Chat,
        tool: call("read", json!({"filePath": "notes.txt"})),
        asks_when_cut: 2..=2,
        recovers: true,
        asks_when_spent: 2..=2,
        asks_when_refused: 1..=1,
    };
    agent.performs().await;
}
