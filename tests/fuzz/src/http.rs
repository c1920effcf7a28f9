//! Requests to a layered service, and the application behind it.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{Method, Request, Response, Uri, header::HOST, request::Parts};
use http_body_util::Full;
use tower::{Layer, ServiceExt, util::BoxCloneService};
use web_connection_socket::{RequestBody, Socket, WebConnectionSocketLayer};

use crate::runtime;

pub type Body = Full<Bytes>;

/// A layered application.
pub type App = BoxCloneService<Request<Body>, Response<Body>, Infallible>;

/// What the application saw, as an extension of its answer.
#[derive(Clone, Debug)]
pub struct Visit {
    pub method: Method,
    pub uri: Uri,
    /// Whether it took the request for one that the layer sent.
    pub is_marked: bool,
}

/// The application, with the layer around it.
pub fn layered(layer: &WebConnectionSocketLayer) -> App {
    let inner = tower::service_fn(visited);
    BoxCloneService::new(layer.layer(inner))
}

/// The application as the control service of the layer has it.
pub fn controlled(layer: &WebConnectionSocketLayer) -> App {
    let inner = tower::service_fn(visited);
    BoxCloneService::new(layer.control_service(inner))
}

/// Calls a service.
pub fn answer(app: &App, request: Request<Body>) -> Response<Body> {
    match runtime::run(app.clone().oneshot(request)) {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The text of a host with an optional port, read without the library: a name of letters, digits,
/// `-`, `.` and `_`, or an IPv6 address in brackets.
pub fn host(text: &[u8]) -> Option<Host> {
    let text = std::str::from_utf8(text).ok()?;
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    };
    let port = match port {
        Some("") => None,
        Some(port) if is_port(port) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    if let Some(address) = name.strip_prefix('[') {
        let address: std::net::Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        let is_loopback = match address.to_ipv4_mapped() {
            Some(mapped) => mapped.octets()[0] == 127,
            None => address.octets() == 1_u128.to_be_bytes(),
        };
        let name = format!("[{address}]");
        return Some(Host {
            name,
            port,
            is_loopback,
        });
    }
    let is_letter =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    if name.is_empty() || !name.bytes().all(is_letter) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let undotted = name.strip_suffix('.').unwrap_or(&name);
    let address = undotted.parse::<std::net::Ipv4Addr>();
    let is_loopback = undotted.split('.').next_back() == Some("localhost")
        || address.is_ok_and(|address| address.octets()[0] == 127);
    Some(Host {
        name,
        port,
        is_loopback,
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub port: Option<u16>,
    pub is_loopback: bool,
}

impl Host {
    /// Whether both are one place for pages of a scheme.
    pub fn is(&self, other: &Self, default_port: Option<u16>) -> bool {
        self.name == other.name && self.port.or(default_port) == other.port.or(default_port)
    }

    /// Whether a configured host lets a request for the other one in.
    pub fn admits(&self, other: &Self) -> bool {
        let undotted = |host: &Self| host.name.trim_end_matches('.').to_owned();
        let dots = |host: &Self| host.name.len() - undotted(host).len();
        let is_default = matches!(self.port, Some(80 | 443)) && other.port.is_none();
        undotted(self) == undotted(other)
            && dots(self) <= 1
            && dots(other) <= 1
            && (self.port.is_none() || self.port == other.port || is_default)
    }
}

/// The one host that a request is for.
///
/// # Errors
///
/// If it names several, or one that is none.
pub fn host_of(parts: &Parts) -> Result<Option<Host>, NotOneHost> {
    let lines: Vec<_> = parts.headers.get_all(HOST).iter().collect();
    let header = match lines[..] {
        [] => None,
        [line] => Some(host(line.as_bytes()).ok_or(NotOneHost)?),
        _ => return Err(NotOneHost),
    };
    let authority = match parts.uri.authority() {
        Some(authority) => Some(host(authority.as_str().as_bytes()).ok_or(NotOneHost)?),
        None => None,
    };
    let default = match parts.uri.scheme_str() {
        Some("https" | "wss") => Some(443),
        Some(_) => Some(80),
        None => None,
    };
    match (header, authority) {
        (Some(one), Some(other)) if !one.is(&other, default) => Err(NotOneHost),
        (one, other) => Ok(other.or(one)),
    }
}

/// A request is for no host that can be told.
#[derive(Clone, Copy, Debug)]
pub struct NotOneHost;

/// What a page's origin names: its scheme's default port, and its host.
pub struct Page {
    pub scheme: String,
    pub default_port: Option<u16>,
    pub host: Host,
}

/// Reads an `Origin` without the library.
pub fn page(text: &[u8]) -> Option<Page> {
    let text = std::str::from_utf8(text).ok()?;
    let end = text.find("://")?;
    let scheme = text[..end].to_ascii_lowercase();
    let mut letters = scheme.bytes();
    let is_scheme = letters.next()?.is_ascii_lowercase()
        && letters.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
    if !is_scheme || text.ends_with(':') {
        return None;
    }
    let default_port = match scheme.as_str() {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    let host = host(&text.as_bytes()[end + 3..])?;
    Some(Page {
        scheme,
        default_port,
        host,
    })
}

/// An address that `bytes` stand for; many of them are this machine's.
pub fn peer(bytes: [u8; 17]) -> SocketAddr {
    let (kind, rest) = (bytes[0], &bytes[1..]);
    let four = [rest[0], rest[1], rest[2], rest[3]];
    let mapped = std::net::Ipv4Addr::from(four).to_ipv6_mapped();
    let mut six = [0; 16];
    six.copy_from_slice(rest);
    match kind % 8 {
        0 => ([127, 0, 0, 1], 50_123).into(),
        1 => ([127, four[1], four[2], four[3]], 50_123).into(),
        2 => (std::net::Ipv6Addr::LOCALHOST, 50_123).into(),
        3 => (mapped, 50_123).into(),
        4 => ([10, 1, four[2], four[3]], 50_123).into(),
        5 => (six, 50_123).into(),
        6 => ([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(four[0])], 1).into(),
        _ => (four, 50_123).into(),
    }
}

async fn visited(request: Request<RequestBody<Body>>) -> Result<Response<Body>, Infallible> {
    let visit = Visit {
        method: request.method().clone(),
        uri: request.uri().clone(),
        is_marked: Socket::from_extensions(request.extensions()).is_ok(),
    };
    let mut response = Response::new(Body::default());
    response.extensions_mut().insert(visit);
    Ok(response)
}
