//! The types [`BasePath`] and [`UrlPath`]: paths of plain segments.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::parse::parsed_from_text;

/// One virtual directory, such as `/chat`; the default is the root.
///
/// A missing leading slash and a trailing slash are accepted.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::BasePath;
///
/// let base: BasePath = "chat/".parse()?;
/// assert_eq!(base.as_str(), "/chat");
/// # Ok::<(), web_connection_socket::config::ParseBasePathError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(Box<str>);

impl BasePath {
    /// Returns the directory without a slash at its end; the root is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::BasePath;
    ///
    /// assert_eq!(BasePath::default().as_str(), "");
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Counts the segments, the empty one before the first slash among them.
    pub(crate) fn segments(&self) -> usize {
        self.0.split('/').count()
    }

    /// Tells whether the raw path of a request is this directory or lies under it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        self.0
            .split('/')
            .all(|own| segments.next().is_some_and(|seen| segment_is(seen, &[own])))
    }
}

impl FromStr for BasePath {
    type Err = ParseBasePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return Ok(Self::default());
        }
        if inner.len() > MAX_LENGTH || !inner.split('/').all(is_plain_segment) {
            return Err(ParseBasePathError::new(text));
        }
        Ok(Self(format!("/{inner}").into()))
    }
}

parsed_from_text!(BasePath, ParseBasePathError, "a base path", expected "plain segments such as /chat");

/// The path of one URL, such as `/ws`: plain segments, no query.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::UrlPath;
///
/// let path: UrlPath = "/ws".parse()?;
/// assert_eq!(path.as_str(), "/ws");
/// # Ok::<(), web_connection_socket::config::ParseUrlPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPath(Box<str>);

impl UrlPath {
    /// Returns the path as it was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::{ParseUrlPathError, UrlPath};
    ///
    /// let path: UrlPath = "/live/".parse()?;
    /// assert_eq!(path.as_str(), "/live/");
    /// # Ok::<(), ParseUrlPathError>(())
    /// ```
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether the raw path of a request is this one, segment by segment.
    pub(crate) fn is(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        self.0
            .split('/')
            .all(|own| segments.next().is_some_and(|seen| segment_is(seen, &[own])))
            && segments.next().is_none()
    }
}

impl FromStr for UrlPath {
    type Err = ParseUrlPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(inner) = text.strip_prefix('/') else {
            return Err(ParseUrlPathError::new(text));
        };
        let plain = inner
            .strip_suffix('/')
            .unwrap_or(inner)
            .split('/')
            .all(is_plain_segment);
        if inner.is_empty() || plain && inner.len() <= MAX_LENGTH {
            Ok(Self(text.into()))
        } else {
            Err(ParseUrlPathError::new(text))
        }
    }
}

parsed_from_text!(UrlPath, ParseUrlPathError, "a URL path", expected "a slash and plain segments such as /ws");

/// Tells whether a raw path segment, percent-decoded once, spells `pieces` in any case.
pub(crate) fn segment_is(raw: &str, pieces: &[&str]) -> bool {
    let wanted = pieces.iter().flat_map(|piece| piece.bytes());
    percent_decode_str(raw)
        .map(|byte| byte.to_ascii_lowercase())
        .eq(wanted.map(|byte| byte.to_ascii_lowercase()))
}

/// Tells whether every server reads the segment as the characters that it consists of.
pub(crate) fn is_plain_segment(segment: &str) -> bool {
    let is_plain_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@$!+=,&".contains(&byte);
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain_byte)
}

/// In bytes. Routes are made into URLs, which may not be longer than 64 KiB; few servers take as much as
/// this.
const MAX_LENGTH: usize = 8 * 1_024;

#[cfg(test)]
mod tests {
    use super::{BasePath, UrlPath, segment_is};

    #[test]
    fn a_base_path_contains_itself_and_what_lies_under_it() {
        let base: BasePath = "/App/chat/".parse().unwrap();
        for inside in [
            "/app/chat",
            "/app/chat/",
            "/APP/Chat/x",
            "/a%70p/chat/x/y",
            "/app/chat/../x",
        ] {
            assert!(base.contains(inside), "{inside}");
        }
        for outside in [
            "/",
            "/app",
            "/app/chatter/x",
            "//app/chat/x",
            "/x/app/chat/y",
            "/app%2fchat/x",
            "*",
        ] {
            assert!(!base.contains(outside), "{outside}");
        }
        assert!(BasePath::default().contains("/anything"));
    }

    #[test]
    fn a_url_path_is_itself_alone() {
        let path: UrlPath = "/live/ws".parse().unwrap();
        assert!(path.is("/live/ws"));
        assert!(path.is("/LIVE/w%73"));
        for other in [
            "/live/ws/",
            "/live/ws/x",
            "/live",
            "/live//ws",
            "/live/ws;a",
            "/",
        ] {
            assert!(!path.is(other), "{other}");
        }
        let root: UrlPath = "/".parse().unwrap();
        assert!(root.is("/") && !root.is("/x") && !root.is("//"));
    }

    #[test]
    fn paths_with_dots_escapes_or_gaps_are_refused() {
        for bad in [
            "/a/../b", "/./a", "/a//b", "/a%20b", "/a b", "/a?b", "/a#b", "/a;b", "/a\\b", "/é",
            "//",
        ] {
            assert!(bad.parse::<UrlPath>().is_err(), "{bad}");
            assert!(bad == "//" || bad.parse::<BasePath>().is_err(), "{bad}");
        }
        assert!("ws".parse::<UrlPath>().is_err());
    }

    #[test]
    fn a_path_that_is_too_long_for_a_url_is_refused() {
        let path = |length| format!("/{}", "x".repeat(length));
        assert!(path(8_192).parse::<UrlPath>().is_ok());
        assert!(path(8_192).parse::<BasePath>().is_ok());
        assert!(path(8_193).parse::<UrlPath>().is_err());
        assert!(path(8_193).parse::<BasePath>().is_err());
    }

    #[test]
    fn a_segment_is_decoded_once() {
        assert!(segment_is("%5f%5fA.wc", &["__a", ".WC"]));
        assert!(!segment_is("%255f_a.wc", &["__a.wc"]));
        assert!(!segment_is("__a.wc%00", &["__a.wc"]));
        assert!(!segment_is("__a.w", &["__a.wc"]));
    }
}
