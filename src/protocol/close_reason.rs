//! The reason why a socket is closed: a close code and a short text.

use std::{borrow::Cow, error::Error, fmt, str::FromStr};

use serde::Deserialize;

/// Why a socket is closed: a close code and a short reason.
///
/// A socket ends in one of these ways. Compare with the constants to tell them apart:
///
/// | why it ended | reason | what the peer sees |
/// |---|---|---|
/// | the application closed it | the application's | the same |
/// | the application answered 410 | [`GONE`](Self::GONE): 4410 | the same |
/// | its identity ended | [`IDENTITY_EXPIRED`](Self::IDENTITY_EXPIRED): 4401, or 4401 and the text of the refusal | the same |
/// | its user opened more sockets than it may ([`Config::when_user_full`](crate::Config::when_user_full)) | [`REPLACED`](Self::REPLACED): 4409 | the same |
/// | the hub shut down | [`GOING_AWAY`](Self::GOING_AWAY): 1001, or 1001 and a time in which to return | the same |
/// | the peer read its messages too slowly | [`SLOW`](Self::SLOW): 1013 | the same, or 1006 if it read nothing |
/// | the peer sent a binary message, outside of raw mode | [`BINARY`](Self::BINARY): 1003 | the same |
/// | its message was too big | [`TOO_BIG`](Self::TOO_BIG): 1009 | the same |
/// | its text was not UTF-8 | [`BAD_UTF8`](Self::BAD_UTF8): 1007 | the same |
/// | it broke the protocol in another way | 1002 and what was wrong | the same |
/// | the peer closed it | the peer's code and reason | its own code |
/// | the peer closed without a code | [`NO_STATUS`](Self::NO_STATUS): 1005 | 1005 |
/// | the connection, or the peer's half of it, ended without a close frame | [`LOST`](Self::LOST): 1006 | 1006 |
/// | the peer did not answer a ping | [`NO_PONG`](Self::NO_PONG): 1006 | 1006 |
///
/// The first reason counts, whatever happens afterwards: a peer that never answers our close frame is
/// cut off, and the reason stays. A handshake that is refused after HTTP has ended
/// ([`WebConnectionSocket::accept`](crate::WebConnectionSocket::accept)) sends 1008, or 1013 if a later
/// try may succeed. The layer never sends 1011, because an error of the application costs one message
/// and not the socket. A peer may send any allowed code, that of [`SLOW`](Self::SLOW) too.
///
/// The peer sees the code in its close event. Codes follow
/// [RFC 6455 §7.4](https://www.rfc-editor.org/rfc/rfc6455#section-7.4): an application may
/// define 4000–4999, 3000–3999 are registered, and of the lower ones only those that may travel in a
/// frame can be created here. The browser client of this crate does not reconnect after 1008 and
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
///
/// // A disconnect event tells the reason in JSON.
/// let told = r#"{"code":1013,"reason":"slow","undelivered":7}"#;
/// assert_eq!(serde_json::from_str::<CloseReason>(told)?, CloseReason::SLOW);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Told")]
pub struct CloseReason {
    code: u16,
    reason: Cow<'static, str>,
}

impl CloseReason {
    /// The conversation is over: 1000.
    pub const NORMAL: Self = Self::fixed(1000, "");

    /// The identity of the socket expired and was not renewed: 4401.
    pub const IDENTITY_EXPIRED: Self = Self::fixed(4401, "identity expired");

    /// The server is shutting down: 1001. A [shutdown](crate::Hub::shutdown) adds to the text the time in
    /// which clients should return ([`Config::reconnect_window`](crate::Config::reconnect_window)), so
    /// compare the code.
    pub const GOING_AWAY: Self = Self::fixed(1001, "server is shutting down");

    /// Binary frames have no meaning in this protocol, unless the layer is in raw mode: 1003.
    pub const BINARY: Self = Self::fixed(1003, "only text frames are accepted");

    /// The peer sent text that is not UTF-8: 1007.
    pub const BAD_UTF8: Self = Self::fixed(1007, "text is not valid utf-8");

    /// The peer sent more than [`Config::max_message_size`](crate::Config::max_message_size): 1009.
    pub const TOO_BIG: Self = Self::fixed(1009, "message is too big");

    /// The peer reads its messages too slowly: 1013. Its queue or the hub's bound was full, or it read
    /// nothing for [`Config::write_timeout`](crate::Config::write_timeout).
    pub const SLOW: Self = Self::fixed(1013, "slow");

    /// Its user has opened so many newer sockets that this one had to go: 4409.
    pub const REPLACED: Self = Self::fixed(4409, "opened elsewhere");

    /// The application answered a message with status 410: 4410.
    pub const GONE: Self = Self::fixed(4410, "gone");

    /// The connection ended without a close frame: 1006, never sent.
    pub const LOST: Self = Self::fixed(1006, "connection lost");

    /// The peer did not answer a ping in time: 1006, never sent.
    pub const NO_PONG: Self = Self::fixed(1006, "no answer to a ping");

    /// The peer closed without naming a code: 1005, never sent.
    pub const NO_STATUS: Self = Self::fixed(1005, "");

    /// Creates a reason from a code that may be sent and a text of at most 123 bytes.
    ///
    /// # Panics
    ///
    /// If the code may not travel in a close frame or the text is too long. For a value that is not a
    /// literal, parse a `"4001 text"` instead.
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

    /// Returns the close code.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Returns the text of the reason, which is often empty.
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

    /// Creates a reason that a peer sent or that no frame carries: the code may be one that is never sent.
    pub(crate) fn received(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// Creates the reason of a socket that is refused after its handshake: 1008, or 1013 if a later try
    /// may succeed, and as much of the text as a close frame holds.
    pub(crate) fn refused(text: &str, for_now: bool) -> Self {
        let code = if for_now { 1013 } else { 1008 };
        Self::received(code, cut(text).to_owned())
    }

    /// Creates the reason of a shutdown whose clients should return within so many seconds, if any.
    pub(crate) fn going_away(within: u64) -> Self {
        let Self { code, reason } = Self::GOING_AWAY;
        match within {
            0 => Self { code, reason },
            _ => Self::received(code, format!("{reason}; retry within {within}s")),
        }
    }

    /// Creates the reason of an identity that the application does not renew, with as much of its text
    /// as a close frame holds.
    pub(crate) fn not_renewed(text: Option<&str>) -> Self {
        match text {
            Some(text) => Self::received(Self::IDENTITY_EXPIRED.code, cut(text).to_owned()),
            None => Self::IDENTITY_EXPIRED,
        }
    }

    /// Tells whether a close frame may carry the code.
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

/// Reads `4001 text`, as in a `WebSocket-Close` header.
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

/// The reason in a disconnect event, whose code may be one that is never sent.
#[derive(Deserialize)]
struct Told {
    code: u16,
    #[serde(default)]
    reason: String,
}

impl TryFrom<Told> for CloseReason {
    type Error = ParseCloseReasonError;

    fn try_from(told: Told) -> Result<Self, Self::Error> {
        if told.reason.len() > MAX_REASON {
            return Err(ParseCloseReasonError { kind: Kind::Length });
        }
        Ok(Self::received(told.code, told.reason))
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

/// Tells whether a close frame may carry a code: RFC 6455 §7.4 reserves 1004–1006 and 1015, and those
/// between 1016 and 2999; 1012 to 1014 were registered since.
pub(crate) fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_REASON);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
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
    fn a_told_reason_may_have_a_code_that_is_never_sent() {
        for (told, expected) in [
            (
                r#"{"code":1006,"reason":"connection lost","undelivered":3}"#,
                CloseReason::LOST,
            ),
            (
                r#"{"code":1006,"reason":"no answer to a ping"}"#,
                CloseReason::NO_PONG,
            ),
            (r#"{"code":1005}"#, CloseReason::NO_STATUS),
        ] {
            assert_eq!(serde_json::from_str::<CloseReason>(told).unwrap(), expected);
        }
        let long = format!(r#"{{"code":4000,"reason":"{}"}}"#, "e".repeat(124));
        assert!(serde_json::from_str::<CloseReason>(&long).is_err());
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
