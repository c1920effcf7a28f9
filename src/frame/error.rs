//! What a peer can do wrong on the wire, and the close code that answers it.

use std::{error, fmt};

use crate::protocol::CloseReason;

/// A breach of the protocol, or of our limits, that ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A message, or a frame's declared length, exceeds the limit.
    TooBig,
    /// A text message or a close reason is not UTF-8.
    BadUtf8,
    /// A frame that RFC 6455 forbids; the text says why.
    Protocol(&'static str),
}

impl Violation {
    /// Returns what the close frame tells the peer. Every text is well below its 123 bytes.
    pub(crate) fn close_reason(self) -> CloseReason {
        match self {
            Self::TooBig => CloseReason::TOO_BIG,
            Self::BadUtf8 => CloseReason::BAD_UTF8,
            Self::Protocol(reason) => CloseReason::received(1002, reason),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.close_reason().reason())
    }
}

impl error::Error for Violation {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_violation_has_its_close_code() {
        assert_eq!(Violation::TooBig.close_reason().code(), 1009);
        assert_eq!(Violation::BadUtf8.close_reason().code(), 1007);
        assert_eq!(Violation::Protocol("why").close_reason().code(), 1002);
        assert_eq!(Violation::Protocol("why").to_string(), "why");
    }
}
