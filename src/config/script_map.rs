//! The type [`ScriptMap`]: the extension of the application's reserved URL.

use std::str::FromStr;

use super::parse::parsed_from_text;

/// The extension of `__WebSocket.<ext>` (`WebSocketProcessScriptmap`), such as `wwd`.
///
/// It consists of letters and digits; a leading dot is accepted and dropped. Requests match it without
/// regard to case; dispatched messages use this spelling.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::ScriptMap;
///
/// let map: ScriptMap = ".wwd".parse()?;
/// assert_eq!(map.as_str(), "wwd");
/// # Ok::<(), web_connection_socket::config::ParseScriptMapError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptMap(Box<str>);

impl ScriptMap {
    /// Returns the extension without a dot.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::ScriptMap;
    ///
    /// assert_eq!(ScriptMap::default().as_str(), "wwd");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ScriptMap {
    fn default() -> Self {
        Self("wwd".into())
    }
}

impl FromStr for ScriptMap {
    type Err = ParseScriptMapError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let extension = text.strip_prefix('.').unwrap_or(text);
        let is_plain = extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if extension.is_empty() || extension.len() > MAX_LENGTH || !is_plain {
            return Err(ParseScriptMapError::new(text));
        }
        Ok(Self(extension.into()))
    }
}

parsed_from_text!(ScriptMap, ParseScriptMapError, "a script map", expected "letters and digits such as wwd");

/// In bytes: no file system has longer names.
const MAX_LENGTH: usize = 255;

#[cfg(test)]
mod tests {
    use super::ScriptMap;

    #[test]
    fn s03_is_letters_and_digits_with_or_without_a_dot() {
        for good in ["wwd", ".wwd", "WWD", "wc3"] {
            assert!(good.parse::<ScriptMap>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..wwd", "w/d", "w.d", "w d", "wé", "w%64"] {
            assert!(bad.parse::<ScriptMap>().is_err(), "{bad}");
        }
        assert!("w".repeat(255).parse::<ScriptMap>().is_ok());
        assert!("w".repeat(256).parse::<ScriptMap>().is_err());
    }
}
