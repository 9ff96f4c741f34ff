//! Names for things in a configuration. Look-alikes are different types, so that mixing them up does not compile.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Cloning shares the text.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps `text` as it is: no trimming, no case folding.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The name as it stands in the configuration or in the request.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// The operator's name for one credential (a key or a login) of one upstream. Never the secret itself.
    CredentialId
}
name! {
    /// The operator's name for one upstream: a provider's API under one base URL.
    UpstreamId
}
name! {
    /// Where connections go: base URL plus outbound proxy. Two credentials behind one address share it.
    EndpointId
}
name! {
    /// The model name a caller asks for. It is never a key of any state: an alias may stand for many models.
    ModelAlias
}
name! {
    /// The model name sent to a provider. Never interchangeable with [`ModelAlias`].
    UpstreamModel
}
name! {
    /// The operator's name for one caller, as its key says who it is.
    ClientId
}

/// One concrete place a request can go. Suspensions are keyed by this, not by the alias.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Candidate {
    /// Who pays and is let in.
    pub credential: CredentialId,
    /// Which concrete model is asked for there.
    pub model: UpstreamModel,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.credential, self.model)
    }
}
