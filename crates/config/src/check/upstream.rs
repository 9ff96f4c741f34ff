//! One `[[upstream]]` with its credentials and models.

use std::path::PathBuf;

use standin_core::Secret;

use super::{Check, login::look_at};
use crate::{
    Proxy,
    config::{Credential, Kind, Model, TOKEN_URL, Timeouts, Upstream},
    file::{self, Text},
    text::{base_url, duration},
};

/// Largest weight of a credential.
const WEIGHT_MAX: u32 = 1000;

impl Check<'_> {
    pub(super) fn upstream(&mut self, upstream: &file::Upstream) -> Upstream {
        if upstream.credential.is_empty() {
            let message = "an upstream needs at least one [[upstream.credential]]";
            self.problems.add(upstream.name.span(), "upstream.credential", message);
        }
        self.fits_kind(upstream);
        let models: Vec<_> = upstream.model.iter().map(|model| self.model(model)).collect();
        self.unique("upstream.model.name", upstream.model.iter().map(|model| &model.name));
        Upstream {
            name: upstream.name.get_ref().clone(),
            kind: upstream.kind,
            base_url: self.base_url(upstream),
            token_url: self.token_url(upstream),
            wire: upstream.wire.as_ref().map(|wire| *wire.get_ref()).unwrap_or_default(),
            proxy: upstream.proxy.as_ref().map(|proxy| Proxy::new(proxy.get_ref().as_str())),
            headers: self.headers(upstream),
            timeouts: self.timeouts(&upstream.timeouts),
            suspend: upstream.suspend,
            trust: upstream.trust,
            credentials: upstream.credential.iter().map(|credential| self.credential(credential)).collect(),
            models,
        }
    }

    /// What stands here must mean something for the kind.
    fn fits_kind(&mut self, upstream: &file::Upstream) {
        if let Some(wire) = upstream.wire.as_ref().filter(|_| upstream.kind != Kind::OpenaiCompat) {
            let message = "only kind = \"openai-compat\" chooses a wire; leave it out";
            self.problems.add(wire.span(), "upstream.wire", message);
        }
        for credential in &upstream.credential {
            let Some(login) = &credential.login else { continue };
            let key = "upstream.credential.login";
            if upstream.kind != Kind::Codex {
                self.problems.add(login.span(), key, "only kind = \"codex\" has logins; use `key`");
            } else if credential.key.is_some() {
                self.problems.add(login.span(), key, "a credential has a key or a login, not both");
            } else if upstream.model.is_empty() {
                let message = "a login lists no models; declare them with [[upstream.model]]";
                self.problems.add(login.span(), key, message);
            }
        }
        let logins = upstream.credential.iter().filter(|credential| credential.login.is_some()).count();
        if logins > 0 && logins < upstream.credential.len() {
            let message = "keys and logins are for two addresses; make an upstream of each";
            self.problems.add(upstream.name.span(), "upstream.credential.login", message);
        }
    }

    /// What is written, else the kind's own address.
    fn base_url(&mut self, upstream: &file::Upstream) -> String {
        if let Some(text) = &upstream.base_url {
            base_url(&mut self.problems, "upstream.base_url", text, &mut self.warnings);
            return text.get_ref().clone();
        }
        let has_logins = upstream.credential.iter().any(|credential| credential.login.is_some());
        match upstream.kind.base_url(has_logins) {
            Some(known) => known.to_owned(),
            None => {
                let message =
                    "an openai-compat upstream needs its address, for example \"https://api.example.com/v1\"";
                self.problems.add(upstream.name.span(), "upstream.base_url", message);
                String::new()
            }
        }
    }

    fn token_url(&mut self, upstream: &file::Upstream) -> String {
        let Some(text) = &upstream.token_url else { return TOKEN_URL.to_owned() };
        base_url(&mut self.problems, "upstream.token_url", text, &mut self.warnings);
        text.get_ref().clone()
    }

    fn timeouts(&mut self, written: &file::Timeouts) -> Timeouts {
        let defaults = Timeouts::default();
        let mut time = |key, text: &Option<Text>, default| {
            duration(&mut self.problems, key, text.as_ref()).unwrap_or(default)
        };
        Timeouts {
            connect: time("upstream.timeouts.connect", &written.connect, defaults.connect),
            first_byte: time("upstream.timeouts.first_byte", &written.first_byte, defaults.first_byte),
            idle: time("upstream.timeouts.idle", &written.idle, defaults.idle),
        }
    }

    /// The file of a login: it has to be there, to hold one, and to be nobody else's.
    fn login(&mut self, text: &Text) -> PathBuf {
        let path = self.folder.join(text.get_ref());
        let key = "upstream.credential.login";
        match look_at(&path) {
            Ok(None) => {}
            Ok(Some(warning)) => self.warnings.push(format!("{key}: {warning}")),
            Err(message) => self.problems.add(text.span(), key, message),
        }
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        if !self.logins.insert(real) {
            let message = format!("`{}` is another credential's login already", text.get_ref());
            self.problems.add(text.span(), key, message);
        }
        path
    }

    fn headers(&mut self, upstream: &file::Upstream) -> Vec<(String, Secret)> {
        let mut headers = Vec::new();
        for (name, value) in &upstream.headers {
            let is_fit = http::HeaderName::try_from(name.as_str()).is_ok()
                && http::HeaderValue::try_from(value.get_ref().as_str()).is_ok();
            if !is_fit {
                self.problems.add(
                    value.span(),
                    "upstream.headers",
                    format!("`{name}` cannot be sent as a header"),
                );
            }
            headers.push((name.clone(), Secret::new(value.get_ref().as_str())));
        }
        headers
    }

    fn credential(&mut self, credential: &file::Credential) -> Credential {
        let weight = credential.weight.as_ref().map_or(1, |weight| *weight.get_ref());
        if let Some(text) = credential.weight.as_ref().filter(|_| weight == 0 || weight > WEIGHT_MAX) {
            let message = format!("{weight} is out of range: accepted is 1 to {WEIGHT_MAX}");
            self.problems.add(text.span(), "upstream.credential.weight", message);
        }
        let in_flight_max = credential.in_flight_max.as_ref();
        if let Some(most) = in_flight_max.filter(|most| *most.get_ref() == 0) {
            self.problems.add(
                most.span(),
                "upstream.credential.in_flight_max",
                "0 would let no request through",
            );
        }
        let key = credential.key.as_ref();
        Credential {
            id: credential.id.get_ref().clone(),
            key: key
                .and_then(|key| self.secret("upstream.credential.key", key))
                .unwrap_or_else(|| Secret::new("")),
            login: credential.login.as_ref().map(|login| self.login(login)),
            priority: credential.priority,
            weight,
            in_flight_max: in_flight_max.map(|most| *most.get_ref()),
            proxy: credential.proxy.as_ref().map(|proxy| Proxy::new(proxy.get_ref().as_str())),
            models: credential.models.clone(),
            suspend: credential.suspend,
        }
    }

    fn model(&mut self, model: &file::Model) -> Model {
        self.unique("upstream.model.alias", model.alias.iter());
        Model {
            name: model.name.get_ref().clone(),
            aliases: model.alias.iter().map(|alias| alias.get_ref().clone()).collect(),
            context_tokens: model.context_tokens,
        }
    }
}
