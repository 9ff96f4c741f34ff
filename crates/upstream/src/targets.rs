//! The request targets of one credential, put together once.

use std::{collections::HashMap, fmt::Write};

use arc_swap::ArcSwap;
use http::Uri;
use standin_core::{Dialect, Operation, UpstreamModel};
use standin_wire::StreamForm;

use crate::{CallerRequest, Endpoint, EndpointError, Family, Route, base::base_path};

/// The place of the model's name in a path.
const MODEL: &str = "{model}";
/// What the paths of callers begin with where the route passes things through.
const CALLERS_VERSION: &str = "/v1";

/// Every route of a family below one base URL.
pub(crate) struct Targets(Vec<Row>);

struct Row {
    route: &'static Route,
    whole: Target,
    events: Option<Target>,
    stream: Option<Target>,
}

/// Where one operation stands.
enum Target {
    /// The same for every model.
    Fixed(Uri),
    /// The model's name stands between these two; what was put together once is kept.
    Named { before: String, after: &'static str, made: ArcSwap<HashMap<UpstreamModel, Uri>> },
}

/// Paths that are kept. Names come from the configuration and from model lists, so there are no more in earnest.
const MADE_MAX: usize = 8192;

impl Targets {
    pub(crate) fn new(family: &'static Family, endpoint: &Endpoint) -> Result<Self, EndpointError> {
        let base = base(family, endpoint);
        let row = |route: &'static Route| {
            let target = |path| Target::new(&base, path);
            let (events, stream) =
                (route.events.map(target).transpose()?, route.stream.map(target).transpose()?);
            Ok(Row { route, whole: target(route.path)?, events, stream })
        };
        family.routes.iter().map(row).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn serves(&self, dialect: Dialect, operation: Operation) -> bool {
        self.0.iter().any(|row| row.route.operation == operation && row.route.dialect == dialect)
    }

    /// Where a request goes; `None` if the family does not speak that.
    pub(crate) fn find(&self, request: &CallerRequest, model: &UpstreamModel) -> Option<Uri> {
        let passed = request.path.as_deref().filter(|_| request.operation == Operation::Passthrough);
        let is_it = |row: &&Row| {
            let Row { route, .. } = row;
            let is_path = passed.is_none_or(|path| path.strip_prefix(CALLERS_VERSION) == Some(route.path));
            route.operation == request.operation && route.dialect == request.dialect && is_path
        };
        let row = self.0.iter().find(is_it)?;
        let target = match request.is_streaming {
            true if request.stream_form() == StreamForm::Events => row.events.as_ref(),
            true => row.stream.as_ref(),
            false => None,
        };
        target.unwrap_or(&row.whole).of(model)
    }
}

/// The path under which the operations of a family stand at an endpoint.
pub(crate) fn base(family: &Family, endpoint: &Endpoint) -> String {
    base_path(endpoint.path(), family.version, family.routes.iter().map(|route| route.path))
}

impl Target {
    fn new(base: &str, path: &'static str) -> Result<Self, EndpointError> {
        match path.split_once(MODEL) {
            Some((before, after)) => {
                let before = format!("{base}{before}");
                Endpoint::target(&format!("{before}m{after}"))?;
                Ok(Self::Named { before, after, made: ArcSwap::default() })
            }
            None => Endpoint::target(&format!("{base}{path}")).map(Self::Fixed),
        }
    }

    fn of(&self, model: &UpstreamModel) -> Option<Uri> {
        match self {
            Self::Fixed(target) => Some(target.clone()),
            Self::Named { before, after, made } => {
                if let Some(target) = made.load().get(model) {
                    return Some(target.clone());
                }
                let mut path = before.clone();
                segment(model.as_str(), &mut path);
                path.push_str(after);
                let target = Endpoint::target(&path).ok()?;
                made.rcu(|made| {
                    let mut made = HashMap::clone(made);
                    if made.len() < MADE_MAX {
                        made.insert(model.clone(), target.clone());
                    }
                    made
                });
                Some(target)
            }
        }
    }
}

/// A name as one segment of a path: whatever could end it, or mean something, is escaped.
fn segment(name: &str, out: &mut String) {
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            // Alone, dots would climb.
            b'.' if !matches!(name, "." | "..") => out.push('.'),
            _ => {
                // Writing to a text cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_a_name_stays_one_segment_of_the_path_whatever_it_holds() {
        let of = |name: &str| {
            let target = Target::new("/v1beta", "/models/{model}:generateContent?alt=sse").unwrap();
            target.of(&name.into()).unwrap().to_string()
        };
        assert_eq!(of("gemini-3.5-pro"), "/v1beta/models/gemini-3.5-pro:generateContent?alt=sse");
        for (name, written) in [
            ("qwen3:8b", "qwen3%3A8b"),
            ("../x", "..%2Fx"),
            ("..", "%2E%2E"),
            ("a/b", "a%2Fb"),
            ("a?key=1", "a%3Fkey%3D1"),
            ("a#b", "a%23b"),
            ("a%2Fb", "a%252Fb"),
            ("a\r\nb: c", "a%0D%0Ab%3A%20c"),
            ("ü", "%C3%BC"),
        ] {
            assert_eq!(of(name), format!("/v1beta/models/{written}:generateContent?alt=sse"));
        }
    }
}
