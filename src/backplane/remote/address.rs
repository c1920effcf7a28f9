//! The addresses of a broker's servers, and the user and password for them.

use std::{
    error::Error,
    fmt,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use http::{Uri, uri::InvalidUri};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;

/// How the URLs of a kind of broker begin, and where it listens unless they say so.
#[derive(Debug)]
pub(crate) struct Schemes {
    pub(crate) plain: &'static str,
    pub(crate) tls: &'static str,
    pub(crate) port: u16,
}

impl Schemes {
    fn of(&self, is_tls: bool) -> &'static str {
        if is_tls { self.tls } else { self.plain }
    }
}

/// The servers of a broker; each attempt to connect asks another one.
pub(crate) struct Addresses {
    list: Vec<Address>,
    attempts: AtomicUsize,
}

impl Addresses {
    /// Reads URLs that are separated by commas.
    pub(crate) fn parse(urls: &str, schemes: &'static Schemes) -> Result<Self, UrlFlaw> {
        let list = urls.split(',');
        let list = list.map(|url| Address::parse(url.trim(), schemes));
        Ok(Self {
            list: list.collect::<Result<_, _>>()?,
            attempts: AtomicUsize::new(0),
        })
    }

    /// Returns the server to ask next.
    pub(crate) fn next(&self) -> &Address {
        &self.list[self.attempts.fetch_add(1, Relaxed) % self.list.len()]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Address> {
        self.list.iter()
    }
}

impl Clone for Addresses {
    fn clone(&self) -> Self {
        Self {
            list: self.list.clone(),
            attempts: AtomicUsize::new(self.attempts.load(Relaxed)),
        }
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.list).finish()
    }
}

/// One server. Neither its `Debug` nor its text shows the user or the password.
#[derive(Clone)]
pub(crate) struct Address {
    schemes: &'static Schemes,
    pub(crate) is_tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// Without the slash that it begins with.
    pub(crate) path: String,
}

impl Address {
    fn parse(url: &str, schemes: &'static Schemes) -> Result<Self, UrlFlaw> {
        let Schemes { plain, tls, port } = *schemes;
        // `Uri` drops a fragment silently.
        if url.contains(['?', '#']) {
            return Err(UrlFlaw::Query);
        }
        let scheme = url.split_once("://").map(|(scheme, _)| scheme);
        let scheme = scheme.and_then(|scheme| {
            let known = [plain, tls].into_iter();
            known
                .into_iter()
                .find(|known| scheme.eq_ignore_ascii_case(known))
        });
        let Some(scheme) = scheme else {
            return Err(UrlFlaw::Scheme(plain, tls));
        };
        let uri: Uri = url.parse().map_err(UrlFlaw::Unreadable)?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let (login, server) = authority.rsplit_once('@').unwrap_or(("", authority));
        let host = uri.host().unwrap_or_default();
        let port = match server.strip_prefix(host) {
            Some("") => port,
            _ => uri
                .port_u16()
                .filter(|port| *port > 0)
                .ok_or(UrlFlaw::Port)?,
        };
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(decoded(password)?)),
            None => (login, None),
        };
        let user = decoded(user)?;
        Ok(Self {
            schemes,
            is_tls: scheme == tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            user: Some(user).filter(|user| !user.is_empty()),
            password,
            path: uri.path().trim_matches('/').to_owned(),
        })
    }
}

impl Address {
    /// Waits for a session with this server, which opens or does not, a little less than the cluster and a
    /// history wait for their links: they do not know which server is silent.
    pub(crate) async fn opened<T>(
        &self,
        opening: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let opened = timeout(MAX_SILENCE, opening).await;
        opened.unwrap_or_else(|_elapsed| Err(self.silence()))
    }

    /// Says what may be wrong with a server that does not answer.
    fn silence(&self) -> String {
        let other = self.schemes.of(!self.is_tls);
        let with = if self.is_tls { "without" } else { "with" };
        format!(
            "did not answer within 4 s: it hangs or is out of reach, or what listens there speaks another \
             protocol, such as its own {with} TLS (then its URL begins with {other}://)"
        )
    }
}

fn decoded(text: &str) -> Result<String, UrlFlaw> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.map_err(|_| UrlFlaw::NotText)?.into_owned())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        let scheme = self.schemes.of(self.is_tls);
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a URL. It is not repeated: it may hold a password.
#[derive(Debug)]
pub(crate) enum UrlFlaw {
    Unreadable(InvalidUri),
    /// With the two schemes that would do.
    Scheme(&'static str, &'static str),
    Port,
    Query,
    NotText,
    /// What one kind of broker does not take.
    Unfit(&'static str),
}

impl fmt::Display for UrlFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::Scheme(plain, tls) => {
                write!(f, "it does not begin with {plain}:// or {tls}://")
            }
            Self::Port => f.write_str("its port is not a number from 1 to 65535"),
            Self::Query => {
                f.write_str("it has a query or a fragment, and there are no such options")
            }
            Self::NotText => f.write_str("its user or password is not UTF-8"),
            Self::Unfit(what) => f.write_str(what),
        }
    }
}

impl Error for UrlFlaw {}

/// How long a server may be silent before its session is open.
const MAX_SILENCE: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    static SCHEMES: Schemes = Schemes {
        plain: "redis",
        tls: "rediss",
        port: 6379,
    };

    fn parse(url: &str) -> Result<Address, UrlFlaw> {
        Address::parse(url, &SCHEMES)
    }

    #[test]
    fn a_url_names_a_server_a_login_and_whether_it_speaks_tls() {
        for (url, text, user, password) in [
            ("redis://h", "redis://h:6379", None, None),
            ("redis://h/", "redis://h:6379", None, None),
            (
                "redis://10.0.0.5:7000/",
                "redis://10.0.0.5:7000",
                None,
                None,
            ),
            ("redis://[::1]:7000", "redis://[::1]:7000", None, None),
            ("REDIS://h", "redis://h:6379", None, None),
            (
                "redis://ann:secret@h",
                "redis://h:6379",
                Some("ann"),
                Some("secret"),
            ),
            (
                "redis://:p%40%2Cs@[::1]",
                "redis://[::1]:6379",
                None,
                Some("p@,s"),
            ),
            ("redis://token@h:1", "redis://h:1", Some("token"), None),
        ] {
            let address = parse(url).unwrap();
            assert_eq!(address.to_string(), text, "{url}");
            assert_eq!(
                (address.user.as_deref(), address.password.as_deref()),
                (user, password)
            );
            assert!(!address.is_tls);
        }
        assert!(parse("rediss://h").unwrap().is_tls);
        assert_eq!(parse("redis://[::1]").unwrap().host, "::1");
        assert_eq!(parse("redis://h/3").unwrap().path, "3");
    }

    #[test]
    fn a_url_that_cannot_be_meant_is_refused_and_not_repeated() {
        for url in [
            "",
            "h",
            "h:6379",
            "redis:",
            "redis://",
            "redis:///",
            "http://h",
            "nats://hunter2@h",
            "redis://ann:hunter2@h:port",
            "redis://ann:hunter2@h:99999",
            "redis://ann:hunter2@h:0",
            "redis://ann:hunter2@h:",
            "redis://ann:hunter2@",
            "redis://ann:hunter2@h?db=1",
            "redis://ann:hunter2@h#insecure",
            "redis://ann:hunter2%FF@h",
            "redis://a b",
        ] {
            let error = parse(url).map(|address| address.to_string()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn each_attempt_asks_the_next_of_the_servers() {
        let addresses =
            Addresses::parse("redis://a, rediss://b:1,redis://:hunter2@c", &SCHEMES).unwrap();
        let asked: Vec<_> = (0..4).map(|_| addresses.next().to_string()).collect();
        let expected = [
            "redis://a:6379",
            "rediss://b:1",
            "redis://c:6379",
            "redis://a:6379",
        ];
        assert_eq!(asked, expected);
        assert!(!format!("{addresses:?}").contains("hunter2"));
        assert!(Addresses::parse("redis://a,", &SCHEMES).is_err());
        assert!(Addresses::parse("redis://a,b", &SCHEMES).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_silent_is_given_up_with_what_may_be_wrong() {
        for (url, hint) in [
            ("redis://h", "with TLS (then its URL begins with rediss://)"),
            (
                "rediss://h",
                "without TLS (then its URL begins with redis://)",
            ),
        ] {
            let address = parse(url).unwrap();
            let opened = address.opened(pending::<Result<(), _>>());
            let why = timeout(Duration::from_millis(4_999), opened).await;
            let why = why.expect("before the cluster gives up").unwrap_err();
            assert!(why.starts_with("did not answer within 4 s: "), "{why}");
            assert!(why.ends_with(hint), "{why}");
        }
    }
}
