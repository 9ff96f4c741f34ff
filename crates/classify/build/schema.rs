//! The shape of a rule pack, and what every pack must keep to. Shared by the build script and the tests.

use std::{collections::HashSet, fs, path::Path};

use serde::Deserialize;
use standin_core::{ErrorClass, Scope};

/// Version of the pack language; a pack says which one it was written for.
pub(crate) const VERSION: u32 = 1;

/// Bytes of the shortest beginning of codes that may stand for all of them.
const CODE_START_BYTES_MIN: usize = 8;

/// One file: all rules of one provider family, or generic ones.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pack {
    /// Prefix of its rule ids.
    pub(crate) family: String,
    /// Version of the language.
    pub(crate) version: u32,
    /// Whether its rules are about no provider in particular.
    #[serde(default)]
    pub(crate) generic: bool,
    /// Other names of the family.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Ends of host names that belong to it.
    #[serde(default)]
    pub(crate) hosts: Vec<String>,
    /// Families whose rules it shares as if they were its own.
    #[serde(default)]
    pub(crate) kin: Vec<String>,
    /// Whether it makes codes up from statuses, so that only its own rules may believe them.
    #[serde(default)]
    pub(crate) fabricates_codes: bool,
    /// Whether it tells errors as an assistant's words, so that those are read too.
    #[serde(default)]
    pub(crate) reads_answers: bool,
    /// The rules, most specific first.
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<Rule>,
}

/// One rule. All matchers that are given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Unique within the pack.
    pub(crate) id: String,
    /// What a match means.
    pub(crate) class: ErrorClass,
    /// How far the blame reaches, if not as usual for the class.
    pub(crate) scope: Option<Scope>,
    /// `hint` where the match is no proof.
    pub(crate) certainty: Option<String>,
    /// `own`: only at this family's upstreams. `any`: also when relayed by others.
    pub(crate) reach: Option<String>,
    /// `guard` and `status` move a generic rule to the front or the back; `wording` keeps codes that only hint behind
    /// the words.
    pub(crate) order: Option<String>,
    /// Statuses: `404`, `5xx`, `520-526`.
    #[serde(default)]
    pub(crate) status: Vec<String>,
    /// Any code, type, reason or status name; `*` at the end stands for any rest.
    #[serde(default)]
    pub(crate) code: Vec<String>,
    /// The parameter that is named; `*` at the end stands for any rest.
    #[serde(default)]
    pub(crate) param: Vec<String>,
    /// Phrases of which one must stand in a message.
    #[serde(default)]
    pub(crate) text: Vec<String>,
    /// Phrases of which one must stand in a message as well.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// Phrases of which none may stand in a message.
    #[serde(default)]
    pub(crate) unless: Vec<String>,
    /// Phrases of which one must stand in a code that was split into words.
    #[serde(default)]
    pub(crate) words: Vec<String>,
    /// Features that must be there.
    #[serde(default)]
    pub(crate) is: Vec<String>,
    /// Features that must not be there.
    #[serde(default)]
    pub(crate) not: Vec<String>,
    /// A header and what it contains: `x-amzn-errortype: ValidationException`.
    pub(crate) header: Option<String>,
    /// One sentence on what is surprising.
    #[serde(default)]
    pub(crate) note: String,
    /// Answers that this rule must decide.
    #[serde(default)]
    pub(crate) example: Vec<Sample>,
    /// Answers that resemble them and that this rule must not decide.
    #[serde(default)]
    pub(crate) look_alike: Vec<Sample>,
}

/// An answer of ours, in the provider's shape.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sample {
    /// Its status.
    #[serde(default)]
    pub(crate) status: u16,
    /// Its body.
    #[serde(default)]
    pub(crate) body: String,
    /// Its headers, as `name: value`.
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    /// `http` (the default), `sse` or `body200`.
    #[serde(default)]
    pub(crate) transport: String,
    /// The family it comes from, if not the pack's; `none` for an unknown one.
    pub(crate) provider: Option<String>,
}

/// Names of the features a rule can ask for, in the order of their bits.
pub(crate) const FEATURES: [&str; 12] = [
    "json",
    "html",
    "empty-body",
    "names-model",
    "cloudflare-challenge",
    "base-resp",
    "google",
    "anthropic",
    "aws",
    "nested",
    "answer",
    "hidden",
];

/// Reads and checks all packs in `folder`, in the order of their file names.
pub(crate) fn read(folder: &Path) -> Result<Vec<Pack>, String> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .map_err(|error| format!("read {}: {error}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    let mut packs = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).map_err(|error| format!("read {}: {error}", file.display()))?;
        let pack: Pack = toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        check(&pack).map_err(|fault| format!("{}: {fault}", file.display()))?;
        match packs.iter_mut().find(|other: &&mut Pack| other.family == pack.family) {
            None => packs.push(pack),
            Some(first) => join(first, pack).map_err(|fault| format!("{}: {fault}", file.display()))?,
        }
    }
    Ok(packs)
}

/// Appends the rules of another file of the same family. Only generic rules fill more than one file.
fn join(first: &mut Pack, next: Pack) -> Result<(), String> {
    if !first.generic || !next.generic {
        return Err(format!("family {} has a file already", next.family));
    }
    if let Some(rule) = next.rules.iter().find(|rule| first.rules.iter().any(|other| other.id == rule.id)) {
        return Err(format!("rule {}: the id is used twice", rule.id));
    }
    first.rules.extend(next.rules);
    Ok(())
}

fn check(pack: &Pack) -> Result<(), String> {
    if pack.version != VERSION {
        return Err(format!("version {} is not {VERSION}", pack.version));
    }
    let mut ids = HashSet::new();
    for rule in &pack.rules {
        let fault = |what: &str| Err(format!("rule {}: {what}", rule.id));
        if !ids.insert(&rule.id) {
            return fault("the id is used twice");
        }
        if rule.example.is_empty() || rule.look_alike.is_empty() {
            return fault("an example and a look-alike are missing");
        }
        let is_numeric = |code: &String| code.bytes().all(|byte| byte.is_ascii_digit());
        let is_own = rule.reach.as_deref() == Some("own");
        if rule.code.iter().any(is_numeric) && !is_own && rule.is.is_empty() && rule.text.is_empty() {
            return fault("a bare number means something else elsewhere; say reach = \"own\"");
        }
        if rule.code.iter().chain(&rule.param).any(|code| code.chars().any(char::is_uppercase)) {
            return fault("codes and params are written in lower case");
        }
        let starts = rule.code.iter().filter_map(|code| code.strip_suffix('*'));
        if starts.min_by_key(|start| start.len()).is_some_and(|start| start.len() < CODE_START_BYTES_MIN) {
            return fault("the beginning of a code is too short to tell it from others");
        }
        if let Some(name) = rule.is.iter().chain(&rule.not).find(|name| !FEATURES.contains(&name.as_str())) {
            return fault(&format!("unknown feature {name}"));
        }
        if rule.order.is_some() && !pack.generic {
            return fault("only generic rules have an order");
        }
    }
    Ok(())
}
