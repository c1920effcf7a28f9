//! Spellings of URLs: each ends with the guard of the reserved URLs, or in the application without
//! the mark of what the layer dispatches.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use http::{Method, Request, Response, Uri};
use libfuzzer_sys::fuzz_target;
use web_connection_socket::{Config, WebConnectionSocketLayer};
use web_connection_socket_fuzz::http::{App, Body, Visit, answer, layered};

fuzz_target!(|data: &[u8]| {
    let [setup, kind, rest @ ..] = data else {
        return;
    };
    let call = Call {
        method: METHODS[usize::from(kind & 7) % METHODS.len()].clone(),
        upgrades: kind & 0x18 == 0x18,
        has_token: kind & 0x20 != 0,
    };
    let spelled = if kind & 0x40 == 0 {
        String::from_utf8_lossy(rest).into_owned()
    } else {
        let pieces = Vec::<Piece>::arbitrary(&mut Unstructured::new(rest));
        spelling(&pieces.expect("any bytes make pieces"))
    };
    let Ok(uri) = spelled.parse::<Uri>() else {
        return;
    };
    SETUPS.with(|setups| check(&setups[usize::from(*setup) % setups.len()], &call, uri));
});

struct Setup {
    app: App,
    is_on: bool,
    base: &'static str,
    map: &'static str,
    /// The path that messages go to, if it is not derived.
    dispatch: Option<&'static str>,
    is_controlled: bool,
}

struct Call {
    method: Method,
    upgrades: bool,
    has_token: bool,
}

fn check(setup: &Setup, call: &Call, uri: Uri) {
    let guarded = guarded(setup, call, uri.path());
    let response = answer(&setup.app, request(call, &uri));
    let visit = response.extensions().get::<Visit>();
    let Some(reserved) = guarded else {
        if let Some(visit) = visit {
            assert!(!visit.is_marked, "{uri} forged a dispatched message");
            assert_eq!(
                (&visit.method, &visit.uri),
                (&call.method, &uri),
                "it was changed"
            );
        } else {
            // Sockets, and the question whether one would open, have answers of their own.
            let is_socket = call.upgrades || call.method == Method::GET;
            assert!(setup.is_on && is_socket, "{uri} did not arrive");
        }
        return;
    };
    let status = response.status().as_u16();
    if setup.is_controlled {
        assert_eq!(status, 404, "{uri}");
    } else if call.method != reserved.method() {
        assert_eq!(status, 405, "{uri}");
    } else if !call.has_token {
        assert_eq!(status, 401, "{uri}");
    } else {
        return admitted(setup, reserved, &response);
    }
    assert!(
        visit.is_none(),
        "{uri} reached the application although it was refused"
    );
}

/// A caller with the right to: what is for sockets stays here, what is for the application comes
/// marked and under the one configured spelling.
fn admitted(setup: &Setup, reserved: Reserved, response: &Response<Body>) {
    let visit = response.extensions().get::<Visit>();
    let status = response.status().as_u16();
    match reserved {
        // It names no group, or one whose members are not known.
        Reserved::Presence => assert!(matches!(status, 400 | 404)),
        Reserved::Broadcast | Reserved::WebSocket => assert_eq!(status, 200),
    }
    match (reserved, visit) {
        (Reserved::Presence, None) => {}
        (Reserved::Presence, Some(_)) => panic!("a question reached the application"),
        (Reserved::Broadcast, None) => {}
        (Reserved::Broadcast, Some(_)) => panic!("a broadcast reached the application"),
        (Reserved::WebSocket, None) => panic!("a message did not reach the application"),
        (Reserved::WebSocket, Some(visit)) => {
            assert!(visit.is_marked);
            assert_eq!(visit.method, Method::POST);
            let derived = format!("{}/__WebSocket.{}", setup.base, setup.map);
            assert_eq!(visit.uri.path(), setup.dispatch.unwrap_or(&derived));
        }
    }
}

#[derive(Clone, Copy)]
enum Reserved {
    Broadcast,
    Presence,
    WebSocket,
}

impl Reserved {
    fn method(self) -> Method {
        match self {
            Self::Broadcast | Self::WebSocket => Method::POST,
            Self::Presence => Method::GET,
        }
    }
}

/// What the last segment names when it is decoded once, under the base path.
fn guarded(setup: &Setup, call: &Call, path: &str) -> Option<Reserved> {
    if !setup.is_on {
        return None;
    }
    let segments: Vec<_> = path.split('/').map(decoded).collect();
    let own: Vec<_> = setup.base.split('/').map(decoded).collect();
    let is_under_base = segments.len() >= own.len() && segments[..own.len()] == own;
    let [_, .., name] = &segments[..] else {
        return None;
    };
    let web_socket = decoded(&format!("__WebSocket.{}", setup.map));
    let named = match name {
        name if *name == decoded("__broadcastWebSocket.wc") => Some(Reserved::Broadcast),
        name if *name == decoded("__presence.wc") => Some(Reserved::Presence),
        name if *name == web_socket => Some(Reserved::WebSocket),
        _ => None,
    };
    if let Some(reserved) = named.filter(|_| is_under_base) {
        return Some(reserved);
    }
    let dispatch: Option<Vec<_>> = setup
        .dispatch
        .map(|path| path.split('/').map(decoded).collect());
    let is_dispatch = !call.upgrades && call.method == Method::POST && dispatch == Some(segments);
    is_dispatch.then_some(Reserved::WebSocket)
}

/// A segment, decoded once and in lower case.
fn decoded(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let code = code.filter(|code| code.iter().all(u8::is_ascii_hexdigit));
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte.to_ascii_lowercase());
                at += 3;
            }
            None => {
                out.push(bytes[at].to_ascii_lowercase());
                at += 1;
            }
        }
    }
    out
}

fn request(call: &Call, uri: &Uri) -> Request<Body> {
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(uri.clone());
    if call.upgrades {
        request = request
            .header("upgrade", "websocket")
            .header("connection", "upgrade");
    }
    if call.has_token {
        request = request.header("authorization", "Bearer open-sesame");
    }
    request
        .body(Body::from(r#"{"action":"forged"}"#))
        .expect("a request")
}

thread_local! {
    static SETUPS: Vec<Setup> = vec![
        setup(|config| config),
        Setup { base: "/chat", ..setup(|config| config.base_path("/chat")) },
        Setup { map: "wc3", ..setup(|config| config.script_map("wc3")) },
        Setup { dispatch: Some("/messages"), ..setup(|config| config.dispatch_path("/messages")) },
        setup(|config| config.socket_path("/ws")),
        Setup { is_on: false, ..setup(|config| config.enabled(false)) },
        Setup { is_controlled: true, ..setup(|config| config.control_service_only(true)) },
    ];
}

fn setup(option: impl Fn(Config) -> Config) -> Setup {
    Setup {
        app: layered(&WebConnectionSocketLayer::new(option(config()))),
        is_on: true,
        base: "",
        map: "wwd",
        dispatch: None,
        is_controlled: false,
    }
}

fn config() -> Config {
    Config::new().bearer_tokens(["open-sesame"])
}

const METHODS: [Method; 5] = [
    Method::POST,
    Method::GET,
    Method::PUT,
    Method::OPTIONS,
    Method::CONNECT,
];

/// A part of a URL that is, or nearly is, a reserved one.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    Name(u8),
    Cased(u8, u32),
    Encoded(u8, u32),
    TwiceEncoded(u8, u32),
    Sign(u8),
    Code(u8),
    Raw(&'a str),
}

fn spelling(pieces: &[Piece<'_>]) -> String {
    let name = |index: &u8| NAMES[usize::from(*index) % NAMES.len()];
    let chosen = |mask: &u32, at: usize| mask >> (at % 32) & 1 == 1;
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Name(index) => text += name(index),
            Piece::Cased(index, mask) => {
                text.extend(name(index).char_indices().map(|(at, char)| match char {
                    upper if upper.is_ascii_uppercase() && chosen(mask, at) => {
                        upper.to_ascii_lowercase()
                    }
                    lower if chosen(mask, at) => lower.to_ascii_uppercase(),
                    char => char,
                }));
            }
            Piece::Encoded(index, mask) | Piece::TwiceEncoded(index, mask) => {
                let percent = if matches!(piece, Piece::Encoded(..)) {
                    "%"
                } else {
                    "%25"
                };
                for (at, byte) in name(index).bytes().enumerate() {
                    if chosen(mask, at) {
                        text += &format!("{percent}{byte:02x}");
                    } else {
                        text.push(char::from(byte));
                    }
                }
            }
            Piece::Sign(index) => text += SIGNS[usize::from(*index) % SIGNS.len()],
            Piece::Code(byte) => text += &format!("%{byte:02X}"),
            Piece::Raw(raw) => text += raw,
        }
    }
    text
}

const NAMES: [&str; 7] = [
    "__broadcastWebSocket.wc",
    "__WebSocket.wwd",
    "__WebSocket.wc3",
    "__initializeSocket.wc",
    "messages",
    "chat",
    "__presence.wc",
];

const SIGNS: [&str; 24] = [
    "/",
    "/",
    "/",
    "//",
    "/./",
    "/../",
    "/a/../",
    "/..;/",
    ";a=b",
    "\\",
    "%",
    "%2f",
    "%5c",
    "%00",
    "%20",
    ".",
    "::$DATA",
    "?",
    "#",
    "http://app.example",
    "http://app.example/",
    "%c1%9f",
    "%u005f",
    "*",
];
