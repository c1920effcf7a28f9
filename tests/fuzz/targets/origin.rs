//! Origins of pages: one that may open a socket really is at the request's host, or configured.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use http::{HeaderValue, Request, Uri};
use libfuzzer_sys::fuzz_target;
use url::Url;
use web_connection_socket::{
    Config, WebConnectionSocketLayer,
    config::{Host, Origin},
};
use web_connection_socket_fuzz::http::{self as model, App, Body, answer, layered};

fuzz_target!(|data: &[u8]| {
    let [setup, rest @ ..] = data else {
        return;
    };
    let case = Case::arbitrary(&mut Unstructured::new(rest)).expect("any bytes make a case");
    let host = case.host.text();
    let page = match &case.page {
        // Most pages are nearly at the host that they ask for.
        PageText::OfHost(scheme, more) => format!("{}{host}{}", word(*scheme), more.text()),
        PageText::Other(scheme, other) => format!("{}{}", word(*scheme), other.text()),
    };
    parsers(&host, &page);
    SETUPS.with(|setups| {
        let setup = &setups[usize::from(*setup) % setups.len()];
        check(setup, &case, &host, &page);
    });
});

/// What the two types read is what the model reads, and is written so that it is read again.
fn parsers(host: &str, page: &str) {
    let ours = host.parse::<Host>().ok();
    let other = model::host(host.as_bytes());
    assert_eq!(
        ours.as_ref().map(|host| (host.name(), host.port())),
        other.as_ref().map(|host| (host.name.as_str(), host.port)),
        "{host:?}"
    );
    if let Some(ours) = ours {
        assert_eq!(ours.to_string().parse().as_ref(), Ok(&ours));
    }
    let ours = page.parse::<Origin>().ok();
    let other = model::page(page.as_bytes());
    assert_eq!(ours.is_some(), other.is_some(), "{page:?}");
    if let Some(ours) = ours {
        assert_eq!(ours.to_string().parse().as_ref(), Ok(&ours));
    }
}

struct Setup {
    app: App,
    allows: fn(&model::Page, Option<&model::Host>) -> bool,
    is_any: bool,
    /// The request's own host is all that counts.
    is_plain: bool,
    hosts: &'static [&'static str],
}

fn check(setup: &Setup, case: &Case<'_>, host: &str, page: &str) {
    let Some(request) = request(case, host, page) else {
        return;
    };
    let (parts, ()) = request.into_parts();
    let seen = model::host_of(&parts);
    let is_served = setup.hosts.is_empty()
        || matches!(&seen, Ok(Some(seen)) if setup.hosts.iter().any(|own| admits(own, seen)));
    let lines: Vec<_> = parts.headers.get_all("origin").iter().collect();
    let allows = match lines[..] {
        _ if setup.is_any => true,
        [] => true,
        [line] => model::page(line.as_bytes())
            .is_some_and(|page| (setup.allows)(&page, seen.as_ref().ok().and_then(Option::as_ref))),
        _ => false,
    };
    let lone = matches!(lines[..], [_]);
    let request = Request::from_parts(parts, Body::default());
    let status = answer(&setup.app, request).status().as_u16();
    assert_eq!(
        status,
        if is_served && allows { 204 } else { 403 },
        "{host:?} {page:?}"
    );

    // What a browser makes of the same texts.
    let is_simple = lone && !case.is_program && case.second_host.is_none() && !case.is_absolute;
    if status == 204 && setup.is_plain && is_simple {
        as_browsers_read(&host.to_lowercase(), &page.to_lowercase());
    }
}

/// Where browsers can read both texts, they read the same host and port in them. Both are in lower
/// case, as browsers write origins.
fn as_browsers_read(host: &str, page: &str) {
    let Some((scheme, _)) = page.split_once("://") else {
        panic!("{page:?} is not an origin");
    };
    let (Ok(page), Ok(host)) = (Url::parse(page), Url::parse(&format!("{scheme}://{host}"))) else {
        return;
    };
    assert_eq!((page.username(), page.password()), ("", None));
    assert_eq!((page.query(), page.fragment()), (None, None));
    assert!(matches!(page.path(), "" | "/"), "{page}");
    let place = |url: &Url| {
        (
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        )
    };
    assert_eq!(place(&page), place(&host));
}

fn request(case: &Case<'_>, host: &str, page: &str) -> Option<Request<()>> {
    let path = "/__initializeSocket.wc";
    let uri = if case.is_absolute {
        let scheme = if case.is_secure { "https" } else { "http" };
        let uri: Uri = format!("{scheme}://{host}{path}").parse().ok()?;
        // The host may have a query in it, or the like.
        if uri.path() != path {
            return None;
        }
        uri
    } else {
        Uri::from_static(path)
    };
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).ok();
    let mut request = Request::get(uri);
    if !case.is_absolute || case.second_host.is_some() {
        let name = case
            .second_host
            .as_ref()
            .filter(|_| case.is_absolute)
            .map(Words::text);
        request = request.header("host", value(&name.unwrap_or(host.to_owned()))?);
    }
    if let Some(second) = case.second_host.as_ref().filter(|_| !case.is_absolute) {
        request = request.header("host", value(&second.text())?);
    }
    if !case.is_program {
        request = request.header("origin", value(page)?);
    }
    if let Some(second) = &case.second_page {
        request = request.header("origin", value(&second.text())?);
    }
    request.body(()).ok()
}

/// Whether a configured host is the one seen.
fn admits(own: &str, seen: &model::Host) -> bool {
    model::host(own.as_bytes()).expect("a host").admits(seen)
}

fn is_same(page: &model::Page, host: Option<&model::Host>) -> bool {
    host.is_some_and(|host| page.host.is(host, page.default_port))
}

fn is_app(page: &model::Page) -> bool {
    let port = page.host.port.or(page.default_port);
    (page.scheme.as_str(), page.host.name.as_str(), port) == ("https", "app.example", Some(443))
}

fn is_local(page: &model::Page, host: Option<&model::Host>) -> bool {
    page.host.is_loopback && host.is_some_and(|host| host.is_loopback)
}

const APP: &str = "https://app.example";

thread_local! {
    static SETUPS: Vec<Setup> = {
        let setup = |config: Config, allows| Setup {
            app: layered(&WebConnectionSocketLayer::new(config).relay()),
            allows,
            is_any: false,
            is_plain: false,
            hosts: &[],
        };
        let hosts = &["app.example:443", "localhost:3000", "[::1]"];
        vec![
            Setup { is_plain: true, ..setup(Config::new(), is_same) },
            setup(Config::new().origins([APP]), |page, _| is_app(page)),
            setup(Config::new().public_origin(APP), |page, _| is_app(page)),
            setup(Config::new().allow_localhost_origins(true), |page, host| {
                is_same(page, host) || is_local(page, host)
            }),
            setup(Config::new().origins([APP]).allow_localhost_origins(true), |page, host| {
                is_app(page) || is_local(page, host)
            }),
            Setup { hosts, ..setup(Config::new().hosts(*hosts), is_same) },
            Setup { is_any: true, ..setup(Config::new().any_origin(), is_same) },
        ]
    };
}

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    host: Words<'a>,
    page: PageText<'a>,
    is_absolute: bool,
    is_secure: bool,
    is_program: bool,
    second_host: Option<Words<'a>>,
    second_page: Option<Words<'a>>,
}

#[derive(Arbitrary, Debug)]
enum PageText<'a> {
    OfHost(u8, Words<'a>),
    Other(u8, Words<'a>),
}

#[derive(Arbitrary, Debug)]
struct Words<'a>(Vec<Word<'a>>);

#[derive(Arbitrary, Debug)]
enum Word<'a> {
    Known(u8),
    Upper(u8),
    Port(u16),
    Four([u8; 4]),
    Six([u16; 8]),
    Raw(&'a str),
}

impl Words<'_> {
    fn text(&self) -> String {
        let words = self.0.iter().map(|part| match part {
            Word::Known(index) => word(*index).to_owned(),
            Word::Upper(index) => word(*index).to_ascii_uppercase(),
            Word::Port(port) => format!(":{port}"),
            Word::Four(address) => std::net::Ipv4Addr::from(*address).to_string(),
            Word::Six(address) => format!("[{}]", std::net::Ipv6Addr::from(*address)),
            Word::Raw(raw) => (*raw).to_owned(),
        });
        words.collect()
    }
}

fn word(index: u8) -> &'static str {
    const WORDS: [&str; 32] = [
        "http://",
        "https://",
        "ws://",
        "wss://",
        "file://",
        "null",
        "https:",
        "app://",
        "app.example",
        "evil.test",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "0x7f.1",
        ":",
        ":80",
        ":443",
        ":0443",
        ":+80",
        ":65536",
        "@",
        "/",
        "\\",
        ".",
        ",",
        " ",
        "#",
        "?",
        "%2e",
        "xn--",
    ];
    WORDS[usize::from(index) % WORDS.len()]
}
