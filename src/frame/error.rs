//! What a peer can do wrong on the wire, and the close code that answers it.

use std::{error, fmt};

use tungstenite::{Error, error::ProtocolError};

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
    /// What the close frame tells the peer. Every text is well below its 123 bytes.
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

impl From<Error> for Violation {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::TooBig,
            Error::Utf8(_) => Self::BadUtf8,
            Error::Protocol(error) => Self::Protocol(protocol_reason(&error)),
            _ => Self::Protocol("frame cannot be read"),
        }
    }
}

fn protocol_reason(error: &ProtocolError) -> &'static str {
    match error {
        ProtocolError::NonZeroReservedBits => "reserved bits are set",
        ProtocolError::UnmaskedFrameFromClient => "frame is not masked",
        ProtocolError::FragmentedControlFrame => "control frame is fragmented",
        ProtocolError::InvalidOpcode(_) => "opcode is reserved",
        ProtocolError::UnexpectedContinueFrame => "continuation without a message",
        ProtocolError::ExpectedFragment(_) => "new message inside a fragmented one",
        ProtocolError::InvalidCloseSequence => "close frame of one byte",
        _ => "protocol error",
    }
}

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
