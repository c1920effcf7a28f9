//! The subprotocols that sockets speak.

use std::str::FromStr;

use http::HeaderValue;

use super::parse::parsed_from_text;

/// The name of a WebSocket subprotocol, compared exactly.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::Subprotocol;
///
/// let name: Subprotocol = "chat.v2".parse()?;
/// assert_eq!(name.as_str(), "chat.v2");
/// # Ok::<(), web_connection_socket::config::ParseSubprotocolError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subprotocol {
    name: Box<str>,
    header: HeaderValue,
}

impl Subprotocol {
    /// Returns the name.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::{ParseSubprotocolError, Subprotocol};
    ///
    /// let name: Subprotocol = "chat".parse()?;
    /// assert_eq!(name.as_str(), "chat");
    /// # Ok::<(), ParseSubprotocolError>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl FromStr for Subprotocol {
    type Err = ParseSubprotocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // RFC 6455 §4.1, item 10: a subprotocol is a token as HTTP defines it.
        if text.is_empty() || !text.bytes().all(is_token_byte) {
            return Err(ParseSubprotocolError::new(text));
        }
        let header =
            HeaderValue::from_str(text).map_err(|_invalid| ParseSubprotocolError::new(text))?;
        Ok(Self {
            name: text.into(),
            header,
        })
    }
}

parsed_from_text!(Subprotocol, ParseSubprotocolError, "a subprotocol", expected "a token such as chat.v2");

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::Subprotocol;

    #[test]
    fn is_a_token() {
        for good in ["chat", "v1.chat-2_x", "a+b"] {
            assert!(good.parse::<Subprotocol>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a,b", "a;b", "a\r\nb", "é"] {
            assert!(bad.parse::<Subprotocol>().is_err(), "{bad}");
        }
    }
}
