//! The choice of handshake headers that go along with each message to the application.

use http::HeaderName;

/// Which of the handshake's headers each dispatched message carries again.
#[derive(Clone, Debug, Default)]
pub(crate) enum ForwardHeaders {
    /// All that are not stripped.
    #[default]
    All,
    /// Of those, only the named ones.
    Only(Vec<HeaderName>),
}

impl ForwardHeaders {
    /// Tells whether the header goes along; `name` is in lower case.
    pub(crate) fn wants(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|wanted| wanted.as_str() == name),
        }
    }
}
