use std::{borrow::Cow, error::Error, fmt, str::FromStr};

/// Why a socket was or is to be closed: a close code and a short reason.
///
/// The code is what the peer sees in its close event. Codes follow
/// [RFC 6455 §7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4): 4000–4999 are yours to
/// define, 3000–3999 are registered, and of the lower ones only those that may travel in a frame
/// can be made here. The browser client of this crate does not reconnect after 1008 and
/// 4000–4499.
///
/// # Examples
///
/// ```
/// use web_connection_socket::CloseReason;
///
/// let reason = CloseReason::new(4001, "signed out");
/// assert_eq!(reason.code(), 4001);
/// assert_eq!("4001 signed out".parse(), Ok(reason));
/// assert!("1006 lost".parse::<CloseReason>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    code: u16,
    reason: Cow<'static, str>,
}

impl CloseReason {
    /// The conversation is over: 1000.
    pub const NORMAL: Self = Self::fixed(1000, "");

    /// The server is shutting down: 1001.
    pub(crate) const GOING_AWAY: Self = Self::fixed(1001, "server is shutting down");

    /// Binary frames have no meaning in this protocol: 1003.
    pub(crate) const BINARY: Self = Self::fixed(1003, "only text frames are accepted");

    /// The peer takes its messages too slowly: 1013.
    pub(crate) const SLOW: Self = Self::fixed(1013, "slow");

    /// The connection ended without a close frame: 1006, never sent.
    pub(crate) const LOST: Self = Self::fixed(1006, "connection lost");

    /// The peer did not answer a ping in time: 1006, never sent.
    pub(crate) const NO_PONG: Self = Self::fixed(1006, "no answer to a ping");

    /// The peer closed without naming a code: 1005, never sent.
    pub(crate) const NO_STATUS: Self = Self::fixed(1005, "");

    /// Makes a reason from a code that may be sent and a text of at most 123 bytes.
    ///
    /// # Panics
    ///
    /// If the code may not travel in a close frame or the text is too long. Parse a `"4001 text"`
    /// instead where the value is not a literal.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::CloseReason;
    ///
    /// let reason = CloseReason::new(4003, "account closed");
    /// ```
    #[must_use]
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        match Self::checked(code, reason.into()) {
            Ok(reason) => reason,
            Err(error) => panic!("CloseReason::new({code}, ..): {error}"),
        }
    }

    /// The close code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The reason's text; often empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::CloseReason;
    ///
    /// assert_eq!(CloseReason::new(4001, "signed out").reason(), "signed out");
    /// assert_eq!(CloseReason::NORMAL.reason(), "");
    /// ```
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What a peer sent, or what ends a connection without a frame: not limited to sendable codes.
    pub(crate) fn received(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// A socket that is refused although the handshake is done: 1008, or 1013 where a later try may
    /// go well, and as much of the text as a close frame holds.
    pub(crate) fn refused(text: &str, for_now: bool) -> Self {
        let mut end = text.len().min(MAX_REASON);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let code = if for_now { 1013 } else { 1008 };
        Self::received(code, text[..end].to_owned())
    }

    /// Whether a close frame can carry the code.
    pub(crate) fn is_sendable(&self) -> bool {
        is_sendable(self.code)
    }

    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    fn checked(code: u16, reason: Cow<'static, str>) -> Result<Self, ParseCloseReasonError> {
        let reason = Self { code, reason };
        if !reason.is_sendable() {
            return Err(ParseCloseReasonError { kind: Kind::Code });
        }
        if reason.reason.len() > MAX_REASON {
            return Err(ParseCloseReasonError { kind: Kind::Length });
        }
        Ok(reason)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if !self.reason.is_empty() {
            write!(f, " {}", self.reason)?;
        }
        Ok(())
    }
}

/// Reads `4001 text`: what a `WebSocket-Close` header holds.
impl FromStr for CloseReason {
    type Err = ParseCloseReasonError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (code, reason) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let code = code
            .parse()
            .map_err(|_| ParseCloseReasonError { kind: Kind::Code })?;
        Self::checked(code, reason.trim_start().to_owned().into())
    }
}

/// A close code that may not be sent, or a reason that is too long.
///
/// # Examples
///
/// ```
/// use web_connection_socket::CloseReason;
///
/// let error = "200 fine".parse::<CloseReason>().unwrap_err();
/// assert!(error.to_string().contains("4000"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCloseReasonError {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Length,
}

impl fmt::Display for ParseCloseReasonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Code => "not a close code that may be sent; use 1000 or one of 4000 to 4999",
            Kind::Length => "a close reason has at most 123 bytes",
        })
    }
}

impl Error for ParseCloseReasonError {}

/// Whether a close frame can carry a code: RFC 6455 §7.4 reserves 1004–1006 and 1015, and those
/// between 1016 and 2999; 1012 to 1014 were registered since.
pub(crate) fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

// RFC 6455 §5.5: a control frame's payload has at most 125 bytes, two of which are the code.
const MAX_REASON: usize = 123;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_not_travel_are_refused() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
            assert!(
                format!("{code} x").parse::<CloseReason>().is_err(),
                "{code}"
            );
        }
        for code in [1000, 1001, 1011, 1014, 3000, 4999] {
            assert!(format!("{code}").parse::<CloseReason>().is_ok(), "{code}");
        }
    }

    #[test]
    fn a_long_reason_is_refused() {
        assert!(
            format!("4000 {}", "é".repeat(62))
                .parse::<CloseReason>()
                .is_err()
        );
        assert!(
            format!("4000 {}", "e".repeat(123))
                .parse::<CloseReason>()
                .is_ok()
        );
    }
}
