//! Who may know whom: the table of `docs/architecture.md`, held against what Cargo builds.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
};

use serde_json::Value;

use crate::repository::{metadata, root};

/// For every room the rooms that it may name in `[dependencies]`.
const ARROWS: [(&str, &[&str]); 20] = [
    ("core", &[]),
    ("classify", &["core"]),
    ("policy", &["core"]),
    ("store", &["core"]),
    ("config", &["core"]),
    ("wire", &["core"]),
    ("tokens", &["core"]),
    ("upstream", &["core", "wire"]),
    ("openai-compat", &["core", "wire", "upstream"]),
    ("codex", &["core", "wire", "upstream"]),
    ("gemini", &["core", "wire", "upstream"]),
    ("anthropic", &["core", "wire", "upstream"]),
    ("conductor", &["core", "wire", "tokens", "upstream", "policy", "classify", "store"]),
    ("server", &["core", "wire", "upstream", "conductor", "config"]),
    (
        "assembly",
        &[
            "core",
            "classify",
            "policy",
            "conductor",
            "config",
            "openai-compat",
            "codex",
            "gemini",
            "anthropic",
            "server",
            "upstream",
        ],
    ),
    ("demo", &["core", "policy", "conductor", "config", "server", "assembly"]),
    ("simulate", &["core", "policy", "store"]),
    ("testkit", &["core", "wire", "upstream"]),
    ("tests", &[]),
    ("bench", &[]),
];

/// What the pure rooms must not even have behind three corners: runtimes, sockets, clocks of a runtime, chance.
const IMPURE: [&str; 20] = [
    "async-io",
    "async-std",
    "futures-core",
    "futures-util",
    "getrandom",
    "h2",
    "hyper",
    "mio",
    "moka",
    "notify",
    "rand",
    "reqwest",
    "rustls",
    "signal-hook-registry",
    "smol",
    "socket2",
    "tokio",
    "tower",
    "tracing-subscriber",
    "ureq",
];

/// The binaries stand above all rooms.
fn is_binary(package: &Value) -> bool {
    package["manifest_path"].as_str().unwrap().contains("/bins/")
}

fn members() -> Vec<&'static Value> {
    let data = metadata();
    let ids: BTreeSet<&str> = texts(&data["workspace_members"]).collect();
    list(&data["packages"]).filter(|package| ids.contains(package["id"].as_str().unwrap())).collect()
}

#[test]
fn every_room_knows_only_the_rooms_its_row_names() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut wrong = Vec::new();
    for package in members().into_iter().filter(|package| !is_binary(package)) {
        let room = room(package["name"].as_str().unwrap()).expect("a package of the workspace is a room");
        let Some(may_know) = allowed.get(room) else {
            wrong.push(format!("{room} has no row in the table of arrows"));
            continue;
        };
        let known = list(&package["dependencies"]).filter(|dependency| dependency["kind"] != "dev");
        let strangers = known.filter_map(|dependency| self::room(dependency["name"].as_str().unwrap()));
        wrong.extend(
            strangers.filter(|name| !may_know.contains(name)).map(|name| format!("{room} -> {name}")),
        );
    }
    assert!(wrong.is_empty(), "arrows that the architecture does not have: {wrong:#?}");
}

#[test]
fn the_document_of_the_house_names_the_same_rooms_and_no_other_arrow() {
    let text =
        fs::read_to_string(root().join("docs/architecture.md")).expect("read the document of the house");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<(&str, &str)> = rows
        .map(|row| (row.split('`').next().unwrap(), row.trim_end_matches(" |").rsplit("| ").next().unwrap()))
        .filter(|(room, _)| *room != "bins/proxy")
        .collect();
    let rooms: BTreeSet<&str> = rows.iter().map(|(room, _)| *room).collect();
    assert_eq!(
        rooms,
        ARROWS.iter().map(|(room, _)| *room).collect(),
        "rooms of the document and of this test"
    );
    for (room, knows) in rows {
        let may_know = ARROWS.iter().find(|(name, _)| *name == room).unwrap().1;
        let named = knows.split(", ").filter(|name| !["–", "everything", "all of the above"].contains(name));
        let strangers: Vec<&str> = named.filter(|name| !may_know.contains(name)).collect();
        assert!(strangers.is_empty(), "the document lets {room} know {strangers:?}");
    }
}

#[test]
fn only_tests_depend_on_the_testkit() {
    let users = members().into_iter().filter(|package| {
        list(&package["dependencies"]).any(|one| one["name"] == "standin-testkit" && one["kind"] != "dev")
    });
    let users: Vec<&str> = users.map(|package| package["name"].as_str().unwrap()).collect();
    assert!(users.is_empty(), "the testkit is part of {users:?}");
}

#[test]
fn policy_and_classify_have_no_runtime_no_socket_and_no_chance_below_them() {
    for room in ["standin-policy", "standin-classify"] {
        let below = tree(room);
        let impure: Vec<&String> = below.iter().filter(|name| IMPURE.contains(&name.as_str())).collect();
        assert!(below.contains("standin-core"), "the tree of {room} was read");
        assert!(impure.is_empty(), "{room} stands on {impure:?}");
    }
}

/// Names of everything that a package is built on, itself included, without what only its tests or build need.
pub(crate) fn tree(name: &str) -> BTreeSet<String> {
    let data = metadata();
    let names: BTreeMap<&str, &str> = list(&data["packages"])
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&data["resolve"]["nodes"]).map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let start = *names.iter().find(|(_, found)| **found == name).expect("the package exists").0;
    let (mut seen, mut queue) = (BTreeSet::from([start]), VecDeque::from([start]));
    while let Some(id) = queue.pop_front() {
        for edge in list(&nodes[id]["deps"]) {
            let is_normal = list(&edge["dep_kinds"]).any(|kind| kind["kind"].is_null());
            let target = edge["pkg"].as_str().unwrap();
            if is_normal && seen.insert(target) {
                queue.push_back(target);
            }
        }
    }
    seen.into_iter().map(|id| names[id].to_owned()).collect()
}

fn room(package: &str) -> Option<&str> {
    package.strip_prefix("standin-")
}

fn list(value: &'static Value) -> impl Iterator<Item = &'static Value> {
    value.as_array().expect("a list").iter()
}

fn texts(value: &'static Value) -> impl Iterator<Item = &'static str> {
    list(value).map(|value| value.as_str().unwrap())
}
