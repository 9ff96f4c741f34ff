//! From the file as it is written to the validated value; every mistake that can be found at once.

mod login;
mod upstream;

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use standin_core::{ErrorClass, Secret};

use crate::{
    config::{Admin, Client, ClientKey, Config, Policy, Route, Rule, Target},
    file::{self, File, Text},
    modes::open_to_others,
    problem::{ConfigError, Problem, Problems},
    secrets::{KEY_CHARS_MIN, Sources, client_digest, is_sample, named_file, resolve},
    text::{address, duration},
};

/// Where a file without `listen` listens.
const LISTEN: &str = "127.0.0.1:8317";

impl Config {
    /// Reads and validates a file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, or with everything that is wrong with it.
    pub fn load(path: &Path, sources: &dyn Sources) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path, sources)
    }

    /// Validates a text as if it stood in the file `path`.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn parse(text: &str, path: &Path, sources: &dyn Sources) -> Result<Self, ConfigError> {
        let wrong = |problems: Vec<Problem>| ConfigError::Wrong { path: path.to_owned(), problems };
        let mut problems = Problems::new(text);
        let file: File = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            problems.add(span.clone(), key_at(text, span.start), error.message());
            wrong(std::mem::take(&mut problems.found))
        })?;
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let mut check = Check {
            problems,
            folder,
            sources,
            warnings: Vec::new(),
            logins: HashSet::new(),
            files: Vec::new(),
            holds_secrets: false,
        };
        match check.config(&file) {
            Some(mut config) if check.problems.found.is_empty() => {
                let readers = check.holds_secrets.then(|| open_to_others(path)).flatten();
                config.warnings.extend(readers);
                Ok(config)
            }
            _ => Err(wrong(check.problems.found)),
        }
    }
}

/// The key on the line of a syntax error, for the message.
fn key_at(text: &str, at: usize) -> &str {
    let start = text[..text.floor_char_boundary(at)].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    if key.is_empty() { "the file" } else { key }
}

pub(crate) struct Check<'t> {
    pub(crate) problems: Problems<'t>,
    pub(crate) folder: PathBuf,
    sources: &'t dyn Sources,
    warnings: Vec<String>,
    /// Files of logins that have an owner: two credentials would renew each other's tokens away.
    logins: HashSet<PathBuf>,
    /// What was read beside the file itself.
    pub(crate) files: Vec<PathBuf>,
    /// Whether a secret stands in the file itself.
    holds_secrets: bool,
}

impl Check<'_> {
    fn config(&mut self, file: &File) -> Option<Config> {
        let listen = match &file.listen {
            Some(text) => address(&mut self.problems, "listen", text),
            None => LISTEN.parse().ok(),
        };
        let admin = file.admin.as_ref().and_then(|admin| self.admin(admin));
        let tls = file.tls.as_ref().and_then(|tls| self.tls(tls));
        let limits = self.limits(&file.limits);
        let clients = self.clients(&file.client);
        self.unique("client.name", file.client.iter().map(|client| &client.name));
        self.unique("upstream.name", file.upstream.iter().map(|upstream| &upstream.name));
        let ids = file.upstream.iter().flat_map(|upstream| &upstream.credential);
        self.unique("upstream.credential.id", ids.map(|credential| &credential.id));
        let upstreams: Vec<_> = file.upstream.iter().map(|upstream| self.upstream(upstream)).collect();
        let routes: Vec<_> = file.route.iter().map(|route| self.route(route, &file.upstream)).collect();
        self.unique("route.alias", file.route.iter().map(|route| &route.alias));
        let policy = self.policy(&file.policy);
        let rules: Vec<_> = file.rule.iter().filter_map(|rule| self.rule(rule, &file.upstream)).collect();
        let listen = listen?;
        self.reachable(file, listen);
        if file.upstream.is_empty() {
            self.problems.add(0..0, "upstream", "there is no [[upstream]]: nothing could be served");
        }
        let warnings = std::mem::take(&mut self.warnings);
        let files = std::mem::take(&mut self.files);
        Some(Config {
            listen,
            tls,
            limits,
            admin,
            clients,
            upstreams,
            routes,
            policy,
            rules,
            warnings,
            files,
        })
    }

    /// Without keys only this machine may call.
    fn reachable(&mut self, file: &File, listen: SocketAddr) {
        if !file.client.is_empty() {
            return;
        }
        if listen.ip().is_loopback() {
            self.warnings.push("no [[client]]: everybody on this machine may call".to_owned());
        } else {
            let span = file.listen.as_ref().map_or(0..0, Text::span);
            let message = "others can reach this address and no [[client]] is declared; add one, or listen on 127.0.0.1";
            self.problems.add(span, "listen", message);
        }
    }

    fn unique<'f>(&mut self, key: &str, names: impl Iterator<Item = &'f Text>) {
        let mut seen = HashSet::new();
        for name in names {
            if name.get_ref().trim().is_empty() {
                self.problems.add(name.span(), key, "this is empty");
            } else if !seen.insert(name.get_ref().clone()) {
                self.problems.add(name.span(), key, format!("`{}` stands here twice", name.get_ref()));
            }
        }
    }

    fn admin(&mut self, admin: &file::Admin) -> Option<Admin> {
        let listen = address(&mut self.problems, "admin.listen", &admin.listen)?;
        let token = self.secret("admin.token", &admin.token)?;
        let length = token.expose().chars().count();
        if length < KEY_CHARS_MIN {
            let message = format!("a token has at least {KEY_CHARS_MIN} characters, this one has {length}");
            self.problems.add(admin.token.span(), "admin.token", message);
        }
        if !listen.ip().is_loopback() {
            let message = "admin.listen: others can reach this address, and the token goes over plain http";
            self.warnings.push(message.to_owned());
        }
        Some(Admin { listen, token })
    }

    /// Where this secret stands, and who may read it there.
    fn note_secret(&mut self, written: &str) {
        match named_file(written, &self.folder) {
            Some(path) => {
                self.warnings.extend(open_to_others(&path));
                self.files.push(path);
            }
            None => self.holds_secrets |= !written.starts_with("env:") && !written.starts_with("sha256:"),
        }
    }

    fn clients(&mut self, tables: &[file::Client]) -> Vec<Client> {
        let mut clients: Vec<Client> = Vec::with_capacity(tables.len());
        for table in tables {
            let Some(client) = self.client(table) else { continue };
            // Nobody could say whose request it was.
            if let Some(first) = clients.iter().find(|known| known.key == client.key) {
                let message =
                    format!("this is the key of `{}` too; each client has one of its own", first.name);
                self.problems.add(table.key.span(), "client.key", message);
            }
            clients.push(client);
        }
        clients
    }

    fn client(&mut self, client: &file::Client) -> Option<Client> {
        self.note_secret(client.key.get_ref());
        match client_digest(client.key.get_ref(), &self.folder, self.sources) {
            Ok(digest) => Some(Client {
                name: client.name.get_ref().clone(),
                key: ClientKey { digest },
                models: client.models.clone(),
                pin: client.pin,
            }),
            Err(message) => {
                self.problems.add(client.key.span(), "client.key", message);
                None
            }
        }
    }

    fn secret(&mut self, key: &str, text: &Text) -> Option<Secret> {
        self.note_secret(text.get_ref());
        let secret = resolve(text.get_ref(), &self.folder, self.sources);
        let checked = secret.and_then(|secret| match is_sample(secret.expose()) {
            true => Err("this is a sample value, not a key".to_owned()),
            false => Ok(secret),
        });
        checked.map_err(|message| self.problems.add(text.span(), key, message)).ok()
    }

    fn route(&mut self, route: &file::Route, upstreams: &[file::Upstream]) -> Route {
        if route.tiers.is_empty() || route.tiers.iter().any(Vec::is_empty) {
            self.problems.add(
                route.alias.span(),
                "route.tiers",
                "a route has at least one tier, and no tier is empty",
            );
        }
        let mut seen = HashSet::new();
        let mut tiers = Vec::new();
        for tier in &route.tiers {
            let mut targets = Vec::new();
            for text in tier {
                if !seen.insert(text.get_ref().clone()) {
                    self.problems.add(
                        text.span(),
                        "route.tiers",
                        format!("`{}` stands here twice", text.get_ref()),
                    );
                }
                targets.extend(self.target(text, upstreams));
            }
            tiers.push(targets);
        }
        let alias = route.alias.get_ref().clone();
        Route { alias, tiers, strategy: route.strategy, affinity: route.affinity }
    }

    /// `UPSTREAM/MODEL`, where the model's own name may hold slashes.
    fn target(&mut self, text: &Text, upstreams: &[file::Upstream]) -> Option<Target> {
        let written = text.get_ref();
        let named = |upstream: &&file::Upstream| {
            written.strip_prefix(upstream.name.get_ref().as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        let Some(upstream) = upstreams.iter().find(named) else {
            let known: Vec<_> = upstreams.iter().map(|upstream| upstream.name.get_ref().as_str()).collect();
            let message = format!(
                "`{written}` names no upstream; write UPSTREAM/MODEL, upstreams are: {}",
                known.join(", ")
            );
            self.problems.add(text.span(), "route.tiers", message);
            return None;
        };
        let name = upstream.name.get_ref();
        let model = &written[name.len() + 1..];
        if !upstream.model.iter().any(|known| known.name.get_ref() == model) {
            let known: Vec<_> = upstream.model.iter().map(|model| model.name.get_ref().as_str()).collect();
            let message =
                format!("upstream `{name}` declares no model `{model}`; it declares: {}", known.join(", "));
            self.problems.add(text.span(), "route.tiers", message);
            return None;
        }
        Some(Target { upstream: name.clone(), model: model.to_owned() })
    }

    fn policy(&mut self, policy: &file::Policy) -> Policy {
        if let Some(most) = policy.attempts_max.as_ref().filter(|most| !(1..=256).contains(most.get_ref())) {
            let message = format!("{} is out of range: accepted is 1 to 256", most.get_ref());
            self.problems.add(most.span(), "policy.attempts_max", message);
        }
        let mut time = |key, text: &Option<Text>| duration(&mut self.problems, key, text.as_ref());
        Policy {
            attempts_max: policy.attempts_max.as_ref().map(|most| *most.get_ref()),
            soft_retries_max: policy.soft_retries_max,
            credentials_max: policy.credentials_max,
            rounds: policy.rounds,
            wait_max: time("policy.wait_max", &policy.wait_max),
            on_unknown_fate: policy.on_unknown_fate,
            suspend: policy.suspend,
            hold_events_max: policy.hold_events_max,
            hold_bytes_max: policy.hold_bytes_max,
            hold_max: time("policy.hold_max", &policy.hold_max),
            keep_alive: time("policy.keep_alive", &policy.keep_alive),
            probe_max: time("policy.probe_max", &policy.probe_max),
            last_resort_interval: time("policy.last_resort_interval", &policy.last_resort_interval),
            retry_budget_ratio: policy.retry_budget_ratio,
            retry_budget_per_second: policy.retry_budget_per_second,
            retry_budget_burst: policy.retry_budget_burst,
            affinity_ttl: time("policy.affinity_ttl", &policy.affinity_ttl),
        }
    }

    fn rule(&mut self, rule: &toml::Spanned<file::Rule>, upstreams: &[file::Upstream]) -> Option<Rule> {
        let (span, rule) = (rule.span(), rule.get_ref());
        if rule.status.is_none() && rule.body_contains.is_empty() && rule.body_regex.is_none() {
            let message =
                "a rule needs a status, body_contains or body_regex; without any it would match everything";
            self.problems.add(span, "rule", message);
        }
        if let Some(text) = &rule.body_regex
            && let Err(error) = regex::bytes::Regex::new(text.get_ref())
        {
            self.problems.add(
                text.span(),
                "rule.body_regex",
                format!("this is no regular expression: {error}"),
            );
        }
        if let Some(text) = &rule.upstream
            && !upstreams.iter().any(|upstream| upstream.name.get_ref() == text.get_ref())
        {
            self.problems.add(
                text.span(),
                "rule.upstream",
                format!("there is no upstream `{}`", text.get_ref()),
            );
        }
        let class: Result<ErrorClass, _> = rule.class.get_ref().parse();
        let class = class
            .map_err(|error| self.problems.add(rule.class.span(), "rule.class", error.to_string()))
            .ok()?;
        Some(Rule {
            upstream: rule.upstream.as_ref().map(|text| text.get_ref().clone()),
            status: rule.status.as_ref().map(|status| *status.get_ref()),
            body_contains: rule.body_contains.clone(),
            body_regex: rule.body_regex.as_ref().map(|text| text.get_ref().clone()),
            class,
            suspend: rule.suspend,
            stop: rule.stop,
        })
    }
}
