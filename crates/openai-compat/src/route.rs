//! Which operation stands at which path.

use http::Uri;
use standin_core::{Dialect, Operation};
use standin_upstream::{Endpoint, EndpointError};

/// The family of routes that an upstream serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// Chat Completions and its siblings.
    #[default]
    Chat,
}

impl Wire {
    const fn routes(self) -> &'static [Route] {
        match self {
            Self::Chat => &CHAT,
        }
    }
}

/// One operation in the dialect it is spoken in, and its path below the base URL.
pub(crate) struct Route {
    dialect: Dialect,
    operation: Operation,
    pub(crate) path: &'static str,
}

const CHAT: [Route; 3] = [
    Route { dialect: Dialect::OpenaiChat, operation: Operation::ChatCompletions, path: "/chat/completions" },
    Route { dialect: Dialect::OpenaiChat, operation: Operation::Completions, path: "/completions" },
    Route { dialect: Dialect::OpenaiChat, operation: Operation::Embeddings, path: "/embeddings" },
];

/// Every path that any wire has: a base URL that ends in one of them was copied from an example call. Longer ones
/// stand first, because one path may be the end of another.
pub(crate) fn known_paths() -> impl Iterator<Item = &'static str> {
    CHAT.iter().map(|route| route.path)
}

/// The request targets of one credential, built once.
pub(crate) struct Targets(Vec<(&'static Route, Uri)>);

impl Targets {
    pub(crate) fn new(wire: Wire, base_path: &str) -> Result<Self, EndpointError> {
        let target =
            |route: &'static Route| Ok((route, Endpoint::target(&format!("{base_path}{}", route.path))?));
        wire.routes().iter().map(target).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn find(&self, dialect: Dialect, operation: Operation) -> Option<&Uri> {
        let is_it = |(route, _): &&(&Route, Uri)| route.operation == operation && route.dialect == dialect;
        self.0.iter().find(is_it).map(|(_, target)| target)
    }
}
