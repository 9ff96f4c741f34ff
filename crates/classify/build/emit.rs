//! Writes the packs as Rust statics: nothing is parsed when the program starts.

use std::{collections::BTreeMap, fmt::Write};

use crate::{phrase, schema};

/// Numbers every distinct spelling once.
#[derive(Default)]
struct Atoms {
    index: BTreeMap<String, usize>,
    list: Vec<String>,
}

impl Atoms {
    fn number(&mut self, text: String) -> usize {
        let next = self.list.len();
        *self.index.entry(text.clone()).or_insert_with(|| {
            self.list.push(text);
            next
        })
    }

    fn patterns(&mut self, phrases: &[String]) -> Result<String, String> {
        let mut out = String::from("&[");
        for text in phrases {
            let segments = phrase::unfold(text)?;
            let segments: Vec<Vec<usize>> = segments
                .into_iter()
                .map(|spellings| spellings.into_iter().map(|spelling| self.number(spelling)).collect())
                .collect();
            let _ = write!(out, "Pattern(&[");
            for segment in segments {
                let _ = write!(out, "&{segment:?}, ");
            }
            out.push_str("]), ");
        }
        out.push(']');
        Ok(out)
    }
}

/// The source text of `tables.rs`.
pub(crate) fn tables(packs: &[schema::Pack]) -> Result<String, String> {
    let mut atoms = Atoms::default();
    let mut rules = String::new();
    let mut families = String::new();
    for (at, pack) in packs.iter().enumerate() {
        let _ = writeln!(
            families,
            "    Family {{ name: {:?}, is_generic: {}, hosts: &{:?}, kin: &{:?}, fabricates_codes: {}, reads_answers: {} }},",
            pack.family, pack.generic, pack.hosts, pack.kin, pack.fabricates_codes, pack.reads_answers
        );
        for rule in &pack.rules {
            let line = rule_line(at, pack, rule, &mut atoms)
                .map_err(|fault| format!("pack {}: rule {}: {fault}", pack.family, rule.id))?;
            let _ = writeln!(rules, "    {line},");
        }
    }
    let mut names: Vec<(String, usize)> = packs
        .iter()
        .enumerate()
        .filter(|(_, pack)| !pack.generic)
        .flat_map(|(at, pack)| {
            [&pack.family].into_iter().chain(&pack.names).map(move |name| (name.to_ascii_lowercase(), at))
        })
        .collect();
    names.sort();
    let mut atom_lines = String::new();
    for text in &atoms.list {
        let ends = text.ends_with('>');
        let plain = text.trim_start_matches('<').trim_end_matches('>');
        let _ = writeln!(atom_lines, "    Atom {{ text: {plain:?}, ends_word: {ends} }},");
    }
    Ok(format!(
        "pub(crate) static FAMILIES: &[Family] = &[\n{families}];\n\
         static FAMILY_NAMES: &[(&str, usize)] = &{names:?};\n\
         pub(crate) static ATOMS: &[Atom] = &[\n{atom_lines}];\n\
         pub(crate) static RULES: &[Rule] = &[\n{rules}];\n"
    ))
}

fn rule_line(
    at: usize,
    pack: &schema::Pack,
    rule: &schema::Rule,
    atoms: &mut Atoms,
) -> Result<String, String> {
    let statuses: Vec<String> =
        rule.status.iter().map(|text| status_range(text)).collect::<Result<_, _>>()?;
    let scope = rule.scope.map_or("None".to_owned(), |scope| format!("Some(Scope::{scope:?})"));
    let certainty = match rule.certainty.as_deref() {
        Some("hint") => "Certainty::Hint",
        None | Some("firm") => "Certainty::Firm",
        Some(other) => return Err(format!("certainty {other} is neither hint nor firm")),
    };
    let order = match (rule.order.as_deref(), pack.generic) {
        (Some("guard"), _) => "Order::Guard",
        (Some("status"), _) => "Order::Status",
        (Some("wording"), _) => "Order::GenericWording",
        (Some(other), _) => return Err(format!("order {other} is neither guard, wording nor status")),
        (None, true) if rule.text.is_empty() && !(rule.code.is_empty() && rule.words.is_empty()) => {
            "Order::GenericStructure"
        }
        (None, true) => "Order::GenericWording",
        (None, false) if rule.text.is_empty() && rule.words.is_empty() => "Order::Structure",
        (None, false) => "Order::Wording",
    };
    let is_own = match rule.reach.as_deref() {
        Some("own") => true,
        None | Some("any") => false,
        Some(other) => return Err(format!("reach {other} is neither own nor any")),
    };
    let header = match rule.header.as_deref().map(|text| text.split_once(": ")) {
        None => "None".to_owned(),
        Some(Some((name, part))) => format!("Some(({name:?}, {part:?}))"),
        Some(None) => return Err("header is not `name: part`".to_owned()),
    };
    let text = atoms.patterns(&rule.text)?;
    let also = atoms.patterns(&rule.also)?;
    let unless = atoms.patterns(&rule.unless)?;
    let words = atoms.patterns(&rule.words)?;
    Ok(format!(
        "Rule {{ id: {:?}, family: {at}, class: ErrorClass::{:?}, scope: {scope}, certainty: {certainty}, \
         order: {order}, is_own: {is_own}, statuses: &[{}], codes: &{:?}, params: &{:?}, text: {text}, also: {also}, \
         unless: {unless}, words: {words}, is: {}, not: {}, header: {header}, note: {:?} }}",
        format!("{}/{}", pack.family, rule.id),
        rule.class,
        statuses.join(", "),
        rule.code,
        rule.param,
        mask(&rule.is),
        mask(&rule.not),
        rule.note
    ))
}

fn mask(names: &[String]) -> u16 {
    let bit = |name: &String| schema::FEATURES.iter().position(|known| known == name).map_or(0, |at| 1 << at);
    names.iter().map(bit).sum()
}

fn status_range(text: &str) -> Result<String, String> {
    let bad = || format!("status `{text}` is not like 404, 5xx or 520-526");
    let (low, high) = if let Some(hundred) = text.strip_suffix("xx") {
        let hundred: u16 = hundred.parse().map_err(|_| bad())?;
        (hundred * 100, hundred * 100 + 99)
    } else if let Some((low, high)) = text.split_once('-') {
        (low.parse().map_err(|_| bad())?, high.parse().map_err(|_| bad())?)
    } else {
        let status: u16 = text.parse().map_err(|_| bad())?;
        (status, status)
    };
    Ok(format!("({low}, {high})"))
}
