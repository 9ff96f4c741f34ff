//! A story as it is written: what is sent, what must come back, what becomes of the connection.

use std::{path::Path, time::Duration};

/// One file.
pub(super) struct Story {
    pub(super) name: String,
    /// Whether it wants the gateway with short limits.
    pub(super) is_hasty: bool,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    Reply { statuses: Vec<u16>, code: Option<String> },
    Open,
    Closed { after: Duration, within: Option<Duration>, or: Option<u16> },
    Upstream(usize),
}

/// What stands for itself in every story.
pub(super) struct Words {
    pub(super) key: &'static str,
    pub(super) chat: String,
}

impl Story {
    /// Reads one file.
    pub(super) fn read(path: &Path, words: &Words) -> Self {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with("# "), "{name} begins with what it is about");
        let mut story = Self { name, is_hasty: false, steps: Vec::new() };
        for line in text.lines() {
            let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
            let bytes = |ending: &str| format!("{}{ending}", words.put_into(rest)).into_bytes();
            match mark {
                "#" => {}
                "@" => story.is_hasty = rest == "hasty",
                ">" => story.send(&bytes("\r\n")),
                ">>" => story.send(&bytes("")),
                "*" => {
                    let (times, line) = rest.split_once(' ').unwrap();
                    let line = words.put_into(line);
                    story.send(&format!("{line}\r\n").repeat(times.parse().unwrap()).into_bytes());
                }
                "." => story.steps.push(Step::Wait(humantime(rest))),
                "<" => story.steps.push(reply(rest)),
                "=" => story.steps.push(state(rest)),
                other => panic!("{}: no line begins with {other:?}", story.name),
            }
        }
        story
    }

    /// Lines that follow each other go out together.
    fn send(&mut self, bytes: &[u8]) {
        match self.steps.last_mut() {
            Some(Step::Send(before)) => before.extend_from_slice(bytes),
            _ => self.steps.push(Step::Send(bytes.to_vec())),
        }
    }
}

impl Words {
    fn put_into(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            match after.split_once('}').and_then(|(word, tail)| Some((self.word(word)?, tail))) {
                Some((word, tail)) => {
                    out.push_str(&word);
                    rest = tail;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0")
    }

    fn word(&self, word: &str) -> Option<String> {
        let length = self.chat.len();
        match word {
            "key" => Some(self.key.to_owned()),
            "chat" => Some(self.chat.clone()),
            "length" => Some(length.to_string()),
            _ => {
                let more = word.strip_prefix("length+").and_then(|more| more.parse::<usize>().ok());
                let repeated = || word.split_once('*').and_then(|(n, x)| Some(x.repeat(n.parse().ok()?)));
                more.map(|more| (length + more).to_string()).or_else(repeated)
            }
        }
    }
}

fn reply(text: &str) -> Step {
    let mut words = text.split(' ').peekable();
    let mut statuses = vec![words.next().unwrap().parse().unwrap()];
    while words.next_if_eq(&"or").is_some() {
        statuses.push(words.next().unwrap().parse().unwrap());
    }
    Step::Reply { statuses, code: words.next().map(str::to_owned) }
}

fn state(text: &str) -> Step {
    let words: Vec<&str> = text.split(' ').collect();
    let after = |name: &str| words.windows(2).find(|two| two[0] == name).map(|two| two[1]);
    match words[0] {
        "open" => Step::Open,
        "closed" => Step::Closed {
            after: after("after").map(humantime).unwrap_or_default(),
            within: after("within").map(humantime),
            or: after("or").map(|status| status.parse().unwrap()),
        },
        "upstream" => Step::Upstream(words[1].parse().unwrap()),
        other => panic!("no connection is {other:?}"),
    }
}

/// `500ms` or `2s`.
fn humantime(text: &str) -> Duration {
    let millis = text.strip_suffix("ms").map(|number| number.parse().unwrap());
    Duration::from_millis(millis.unwrap_or_else(|| {
        1000 * text.strip_suffix('s').and_then(|number| number.parse::<u64>().ok()).expect("ms or s")
    }))
}
