use std::fmt;

use http::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::hub::{Cap, Client, LimitReached, SocketError, SocketErrorKind};
use crate::middleware::refusal::Refusal;

use super::RejectionKind;

/// What was wrong, with what its text tells.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The handshake came with this method.
    UpgradeMethod(Method),
    /// A reserved URL was called with this method.
    ReservedMethod(Method),
    UnsupportedVersion,
    /// Half a sentence: what is wrong with the handshake.
    MalformedHandshake(&'static str),
    /// The limit in bytes.
    HandshakeTooLarge(usize),
    MalformedOrigin(Box<str>),
    ForeignOrigin {
        origin: Box<str>,
        host: Box<str>,
    },
    HostNotAllowed(Box<str>),
    NobodyMayCall,
    TokenMissing,
    TokenWrong,
    /// A sentence: why this caller is not one of those allowed.
    CallerNotAllowed(Box<str>),
    /// A cap, and when to come again.
    LimitReached(LimitReached),
    /// The header that names a coding of the body.
    EncodedBody(HeaderName),
    /// The limit in bytes.
    TooLarge(usize),
    BodyTimeout,
    BodyFailed,
    /// What the message's reader says.
    BadMessage(Box<str>),
    ShuttingDown,
    IdentifyRefused(Box<Refusal>),
    IdentifyFailed,
    IdentifyTimedOut,
    IdentityExpired,
    ApplicationRefused(Box<Refusal>),
    /// What a handler could not do for its sender.
    Socket(SocketError),
    /// What a handler could not read out of a message.
    UnsuitableMessage(Box<str>),
    /// Why a handler could not make a message.
    MessageNotMade(Box<str>),
    NoUpgradeHandle,
    NotFound,
    NotDispatched,
}

impl Cause {
    pub(super) fn kind(&self) -> RejectionKind {
        match self {
            Self::UpgradeMethod(_) | Self::ReservedMethod(_) => RejectionKind::MethodNotAllowed,
            Self::UnsupportedVersion => RejectionKind::UnsupportedVersion,
            Self::MalformedHandshake(_) => RejectionKind::MalformedHandshake,
            Self::HandshakeTooLarge(_) => RejectionKind::HandshakeTooLarge,
            Self::MalformedOrigin(_) => RejectionKind::MalformedOrigin,
            Self::ForeignOrigin { .. } => RejectionKind::ForeignOrigin,
            Self::HostNotAllowed(_) => RejectionKind::HostNotAllowed,
            Self::NobodyMayCall => RejectionKind::NobodyMayCall,
            Self::TokenMissing => RejectionKind::TokenMissing,
            Self::TokenWrong => RejectionKind::TokenWrong,
            Self::CallerNotAllowed(_) => RejectionKind::CallerNotAllowed,
            Self::LimitReached(LimitReached { cap, .. }) => match cap {
                Cap::Sockets => RejectionKind::TooManySockets,
                Cap::User => RejectionKind::TooManySocketsOfUser,
                Cap::Client(_) => RejectionKind::TooManySocketsOfClient,
            },
            Self::EncodedBody(_) => RejectionKind::EncodedBody,
            Self::TooLarge(_) => RejectionKind::TooLarge,
            Self::BodyTimeout => RejectionKind::BodyTimeout,
            Self::BodyFailed => RejectionKind::BodyFailed,
            Self::BadMessage(_) => RejectionKind::BadMessage,
            Self::ShuttingDown => RejectionKind::ShuttingDown,
            Self::IdentifyRefused(_) => RejectionKind::IdentifyRefused,
            Self::IdentifyFailed => RejectionKind::IdentifyFailed,
            Self::IdentifyTimedOut => RejectionKind::IdentifyTimedOut,
            Self::IdentityExpired => RejectionKind::IdentityExpired,
            Self::ApplicationRefused(_) => RejectionKind::ApplicationRefused,
            Self::Socket(error) => match error.kind() {
                SocketErrorKind::NotConnected => RejectionKind::NotConnected,
                SocketErrorKind::TooManyGroups => RejectionKind::TooManyGroups,
                SocketErrorKind::NameTooLong => RejectionKind::NameTooLong,
                SocketErrorKind::QueueFull => RejectionKind::QueueFull,
                SocketErrorKind::TooManyReplies => RejectionKind::HandlerFailed,
            },
            Self::UnsuitableMessage(_) => RejectionKind::UnsuitableMessage,
            Self::MessageNotMade(_) => RejectionKind::HandlerFailed,
            Self::NoUpgradeHandle => RejectionKind::NoUpgradeHandle,
            Self::NotFound => RejectionKind::NotFound,
            Self::NotDispatched => RejectionKind::NotDispatched,
        }
    }

    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::IdentifyRefused(refusal) | Self::ApplicationRefused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Adds what the status obliges the answer to say.
    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        let mut add = |name, value| headers.insert(name, HeaderValue::from_static(value));
        match self {
            Self::UpgradeMethod(_) => _ = add(ALLOW, "GET"),
            Self::ReservedMethod(_) => _ = add(ALLOW, "POST"),
            Self::UnsupportedVersion => {
                // RFC 6455 §4.4; RFC 9110 §7.8: whoever sends Upgrade names it in Connection.
                add(SEC_WEBSOCKET_VERSION, "13");
                add(UPGRADE, "websocket");
                add(CONNECTION, "Upgrade");
            }
            // RFC 9110 §15.5.16: it tells an unsupported coding from an unsupported type.
            Self::EncodedBody(_) => _ = add(ACCEPT_ENCODING, "identity"),
            Self::TokenMissing | Self::TokenWrong => _ = add(WWW_AUTHENTICATE, "Bearer"),
            // RFC 6750 §3.1: so it is said of an expired token; browsers do not ask for a password.
            Self::IdentityExpired => _ = add(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""),
            _ => {}
        }
        if let Some(wait) = self.retry_after() {
            headers.insert(RETRY_AFTER, wait.into());
        }
    }

    /// In how many seconds the same may go well.
    pub(super) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::ShuttingDown | Self::IdentifyTimedOut => Some(5),
            Self::LimitReached(full) => {
                let part = u64::from(full.retry_after.subsec_nanos() > 0);
                Some(full.retry_after.as_secs().saturating_add(part).max(1))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UpgradeMethod(method) => {
                write!(f, "A WebSocket handshake is a GET, not a {method}.")
            }
            Self::ReservedMethod(method) => write!(f, "This URL takes POST, not {method}."),
            Self::UnsupportedVersion => {
                f.write_str("The handshake's Sec-WebSocket-Version has to be 13.")
            }
            Self::MalformedHandshake(what) => {
                write!(f, "This is no WebSocket handshake: {what}.")
            }
            Self::HandshakeTooLarge(limit) => write!(
                f,
                "The URL and headers are larger than {limit} bytes. Config::max_handshake_size sets \
                 the limit."
            ),
            Self::MalformedOrigin(seen) => write!(
                f,
                "The Origin header is {seen:?}, which is not one origin of scheme, host and port. \
                 Config::any_origin would let it in."
            ),
            Self::ForeignOrigin { origin, host } => write!(
                f,
                "The page comes from {origin:?} and the request is for {host:?}. Config::origins or \
                 Config::public_origin with {origin:?} would let it in."
            ),
            Self::HostNotAllowed(host) => write!(
                f,
                "The request is for {host:?}, which is not one of the hosts served here. \
                 Config::hosts with it would let it in."
            ),
            Self::NobodyMayCall => f.write_str(
                "Nobody may call this URL yet. Config::bearer_tokens (or WEBCONNECTION_BROADCAST_TOKEN), \
                 Config::allow_callers_from or Config::trust_local_callers says who may.",
            ),
            Self::TokenMissing => f.write_str(
                "The request has no bearer token. Send the header `Authorization: Bearer <token>` with \
                 one that Config::bearer_tokens or WEBCONNECTION_BROADCAST_TOKEN names.",
            ),
            Self::TokenWrong => f.write_str(
                "The request's bearer token is none of those that Config::bearer_tokens or \
                 WEBCONNECTION_BROADCAST_TOKEN names.",
            ),
            Self::CallerNotAllowed(why) => f.write_str(why),
            Self::LimitReached(full) if full.finishing => tell_finishing(full.cap, f),
            Self::LimitReached(LimitReached { cap, .. }) => tell_full(*cap, f),
            Self::EncodedBody(header) => write!(
                f,
                "The body is compressed or encoded, as its {header} says. Send it as it is, without that \
                 header."
            ),
            Self::TooLarge(limit) => write!(
                f,
                "The body is larger than {limit} bytes. Config::max_message_size sets the limit."
            ),
            Self::BodyTimeout => f.write_str(
                "The body did not arrive in time. Config::body_timeout sets how long it may take.",
            ),
            Self::BodyFailed => f.write_str("The body broke off before its end."),
            Self::BadMessage(why) => write!(f, "The body is not a message: {why}."),
            Self::ShuttingDown => f.write_str("The server is shutting down. Try again in a moment."),
            Self::IdentifyRefused(refusal) => f.write_str(
                refusal.text().unwrap_or("The application did not let this visitor in."),
            ),
            Self::IdentifyFailed => f.write_str("The application could not tell who this visitor is."),
            Self::IdentifyTimedOut => f.write_str(
                "The application took too long to tell who this visitor is. Config::identify_timeout \
                 sets how long it may take.",
            ),
            Self::IdentityExpired => f.write_str(
                "What says who this visitor is has expired. Sign in again, then connect again.",
            ),
            Self::ApplicationRefused(refusal) => f.write_str(
                refusal.text().unwrap_or("The application did not accept this connection."),
            ),
            Self::Socket(error) => write!(f, "This could not be done for the sender: {error}."),
            Self::UnsuitableMessage(why) => {
                write!(f, "The message is not what its handler reads: {why}.")
            }
            Self::MessageNotMade(why) => {
                write!(f, "The application could not make a message: {why}.")
            }
            Self::NoUpgradeHandle => f.write_str(
                "The server cannot hand over this connection: serve it with upgrades enabled (axum::serve \
                 does; with plain hyper call with_upgrades, with hyper-util's auto builder \
                 serve_connection_with_upgrades), and let no other layer take the request's upgrade \
                 handle first.",
            ),
            Self::NotFound => f.write_str("There is nothing at this URL."),
            Self::NotDispatched => f.write_str(
                "This request did not come through the WebSocket layer, which alone may make it: wrap the \
                 whole application, with layer.layer(router) and not router.layer(layer).",
            ),
        }
    }
}

fn tell_finishing(cap: Cap, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (whose, option) = match cap {
        Cap::Sockets => ("", "max_sockets"),
        Cap::User => (" of this user", "max_sockets_per_user"),
        Cap::Client(_) => (" of this client", "max_sockets_per_client"),
    };
    write!(
        f,
        "The application still handles what sockets{whose} sent that have ended: more of them than \
         Config::{option} allows. Try again in a moment."
    )
}

fn tell_full(cap: Cap, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match cap {
        Cap::Sockets => f.write_str(
            "The server has as many sockets open as Config::max_sockets allows. Try again in a moment.",
        ),
        Cap::User => f.write_str(
            "This user has as many sockets open as Config::max_sockets_per_user allows. Close one, or \
             try again in a moment.",
        ),
        Cap::Client(Client::Unknown) => f.write_str(
            "The visitor's address is not known, and all such visitors together have as many sockets \
             open as Config::max_sockets_per_client allows. Serve with axum's connect info or insert a \
             PeerAddr, so that each client counts alone.",
        ),
        Cap::Client(client) => write!(
            f,
            "The visitor comes from {client}, which has as many sockets open as \
             Config::max_sockets_per_client allows. If that is a proxy's address, \
             Config::trusted_proxies with it lets each visitor count alone."
        ),
    }
}
