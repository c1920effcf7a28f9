//! The URL in the application to which the messages of sockets are posted.

use http::Uri;

use super::route::{INITIALIZE, WEB_SOCKET};
use crate::config::{BasePath, Routes, is_plain_segment, segment_is};

/// The configured URL, parsed once, and the rule that derives another one from a page's directory.
#[derive(Clone)]
pub(crate) struct DispatchUrl {
    uri: Uri,
    /// `None` if every message goes to the configured URL.
    followed: Option<Followed>,
}

#[derive(Clone)]
struct Followed {
    base: BasePath,
    file: Box<str>,
}

impl DispatchUrl {
    pub(super) fn new(routes: &Routes) -> Self {
        let file = format!("{WEB_SOCKET}{}", routes.script_map.as_str());
        let path = match &routes.dispatch {
            Some(path) => path.as_str().to_owned(),
            None => format!("{}/{file}", routes.base.as_str()),
        };
        let follows = routes.follow_page_directory && routes.dispatch.is_none();
        Self {
            uri: path
                .try_into()
                .expect("plain segments of a bounded length are a URL"),
            followed: follows.then(|| Followed {
                base: routes.base.clone(),
                file: file.into(),
            }),
        }
    }

    /// Returns the URL for the messages of a socket that was opened at this path. The path is empty
    /// for a message without a socket.
    pub(super) fn uri(&self, handshake_path: &str) -> Uri {
        let followed = self.followed.as_ref();
        let followed = followed.and_then(|followed| followed.uri(handshake_path));
        followed.unwrap_or_else(|| self.uri.clone())
    }

    /// Returns whether a URL was derived from a page's directory.
    pub(super) fn is_followed(&self, uri: &Uri) -> bool {
        *uri != self.uri
    }
}

impl Followed {
    /// Returns `None` if the path is not the browser client's, if servers could disagree about its
    /// directory, or if the URL would be too long.
    fn uri(&self, handshake_path: &str) -> Option<Uri> {
        let (directory, name) = handshake_path.rsplit_once('/')?;
        if !segment_is(name, &[INITIALIZE]) || !self.base.contains(directory) {
            return None;
        }
        // The base in its configured spelling: a request may write it in any case.
        let mut path = self.base.as_str().to_owned();
        for segment in directory.split('/').skip(self.base.segments()) {
            if !is_plain_segment(segment) {
                return None;
            }
            path.push('/');
            path.push_str(segment);
        }
        path.push('/');
        path.push_str(&self.file);
        path.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::DispatchUrl;
    use crate::config::Config;

    fn path(config: &Config, handshake: &str) -> String {
        DispatchUrl::new(&config.routes).uri(handshake).to_string()
    }

    #[test]
    fn messages_go_to_one_url_whatever_the_pages_directory() {
        let config = Config::new();
        for handshake in [
            "",
            "/",
            "/ws",
            "/__initializeSocket.wc",
            "/orders/__initializeSocket.wc",
            "/a/b/__INITIALIZESOCKET.wc",
            "/a/../__initializeSocket.wc",
        ] {
            assert_eq!(path(&config, handshake), "/__WebSocket.wwd", "{handshake}");
        }
        let config = config.base_path("/shop").script_map("WC3");
        for handshake in ["", "/shop/ws", "/shop/x/__initializeSocket.wc"] {
            assert_eq!(path(&config, handshake), "/shop/__WebSocket.WC3");
        }
        let config = config.dispatch_path("/messages");
        assert_eq!(path(&config, "/shop/__initializeSocket.wc"), "/messages");
    }

    #[test]
    fn messages_follow_the_pages_directory_if_they_are_told_to() {
        let config = Config::new().follow_page_directory(true);
        for (handshake, expected) in [
            ("/__initializeSocket.wc", "/__WebSocket.wwd"),
            ("/shop/__INITIALIZESOCKET.wc", "/shop/__WebSocket.wwd"),
            ("/a/b/__initializeSocket.wc", "/a/b/__WebSocket.wwd"),
            ("/shop/ws", "/__WebSocket.wwd"),
            ("/", "/__WebSocket.wwd"),
            ("", "/__WebSocket.wwd"),
            ("//__initializeSocket.wc", "/__WebSocket.wwd"),
            ("/a/../__initializeSocket.wc", "/__WebSocket.wwd"),
            ("/a%2f/__initializeSocket.wc", "/__WebSocket.wwd"),
            ("/a;b/__initializeSocket.wc", "/__WebSocket.wwd"),
        ] {
            assert_eq!(path(&config, handshake), expected, "{handshake}");
        }
        let messages = config.dispatch_path("/messages");
        assert_eq!(path(&messages, "/shop/__initializeSocket.wc"), "/messages");
    }

    #[test]
    fn the_base_path_keeps_its_spelling_in_a_directory_that_is_followed() {
        let config = Config::new().base_path("/Shop").follow_page_directory(true);
        for (handshake, expected) in [
            ("/Shop/__initializeSocket.wc", "/Shop/__WebSocket.wwd"),
            ("/SHOP/x/__initializeSocket.wc", "/Shop/x/__WebSocket.wwd"),
            ("/s%68op/X/__initializeSocket.wc", "/Shop/X/__WebSocket.wwd"),
            ("/Shop/ws", "/Shop/__WebSocket.wwd"),
            // A predicate of the application's may open sockets anywhere.
            ("/office/__initializeSocket.wc", "/Shop/__WebSocket.wwd"),
            ("/__initializeSocket.wc", "/Shop/__WebSocket.wwd"),
        ] {
            assert_eq!(path(&config, handshake), expected, "{handshake}");
        }
    }

    #[test]
    fn a_directory_that_would_make_the_url_too_long_is_not_followed() {
        let config = Config::new()
            .script_map("w".repeat(200))
            .follow_page_directory(true);
        let target = DispatchUrl::new(&config.routes);
        let long = |length| format!("/{}/__initializeSocket.wc", "d".repeat(length));
        assert!(target.uri(&long(65_000)).path().starts_with("/ddd"));
        assert!(
            target
                .uri(&long(65_500))
                .path()
                .starts_with("/__WebSocket.www")
        );
    }
}
