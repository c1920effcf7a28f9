//! The signature of requests to an upstream: HTTP Message Signatures (RFC 9421).

/// A shared secret, and the name under which signatures give it.
#[derive(Clone)]
pub(super) struct SigningKey {
    _secret: Box<[u8]>,
}

impl SigningKey {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self {
            _secret: secret.into(),
        }
    }
}
