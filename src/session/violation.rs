//! What a peer can do wrong on the wire, and the close code that answers it.

use std::{error, fmt};

use tungstenite::{Error, error::ProtocolError};

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
    /// The code of the close frame that tells the peer.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::TooBig => 1009,
            Self::BadUtf8 => 1007,
            Self::Protocol(_) => 1002,
        }
    }

    /// The reason of that close frame, well below its 123 bytes.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::TooBig => "message is too big",
            Self::BadUtf8 => "text is not valid utf-8",
            Self::Protocol(reason) => reason,
        }
    }
}

/// Whether a close frame may carry `code`: RFC 6455 §7.4 and the codes registered since.
pub(crate) fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
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
        assert_eq!(Violation::TooBig.code(), 1009);
        assert_eq!(Violation::BadUtf8.code(), 1007);
        assert_eq!(Violation::Protocol("why").code(), 1002);
        assert_eq!(Violation::Protocol("why").to_string(), "why");
    }

    #[test]
    fn only_codes_meant_for_the_wire_are_sendable() {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999,
        ] {
            assert!(is_sendable(code), "{code}");
        }
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
        ] {
            assert!(!is_sendable(code), "{code}");
        }
    }
}
