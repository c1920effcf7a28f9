//! The table of refusals: for each cause its kind, status, text and headers.

use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_ENCODING, ALLOW, CONNECTION, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
        WWW_AUTHENTICATE,
    },
};

use super::Rejection;
use crate::{
    hub::{
        Client, Limit, LimitReached, ShuttingDown, SocketError, SocketErrorKind, TooManyHandshakes,
    },
    protocol::RejectionKind as Kind,
};

/// What was wrong, with what its text tells.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// The handshake came with this method.
    UpgradeMethod(Method),
    /// A reserved URL was called with this method; the one that it takes.
    ReservedMethod(Method, &'static str),
    UnsupportedVersion,
    /// Half a sentence: what is wrong with the handshake.
    MalformedHandshake(&'static str),
    /// The limit in bytes.
    HandshakeTooLarge(usize),
    /// The `Origin` header as it was sent.
    MalformedOrigin(Box<str>),
    ForeignOrigin {
        origin: Box<str>,
        host: Box<str>,
    },
    /// The host that the request is for.
    HostNotAllowed(Box<str>),
    CallersNotConfigured,
    TokenMissing,
    TokenWrong,
    /// Sentences: why this caller is not one of those allowed.
    CallerNotAllowed(Box<str>),
    /// Which limit, and when to try again.
    LimitReached(LimitReached),
    TooManyHandshakes(TooManyHandshakes),
    /// The header that names a coding of the body.
    EncodedBody(HeaderName),
    /// The limit in bytes.
    TooLarge(usize),
    BodyTimeout,
    BodyFailed,
    /// What the message's reader says.
    BadMessage(Box<str>),
    ShuttingDown(ShuttingDown),
    /// A question for members names no group.
    NoGroup,
    /// No rule names the group whose members are asked for.
    NoPresence,
    IdentifyFailed,
    IdentifyTimedOut,
    IdentityExpired,
    /// What a handler could not do for its sender.
    Socket(SocketError),
    /// What a handler could not read out of a message.
    UnsuitableMessage(Box<str>),
    /// Why a handler could not make a message or read a presence value.
    MessageNotMade(Box<str>),
    NoUpgradeHandle,
    NotFound,
    /// Another spelling of a reserved URL.
    Alias,
    EncodedTooOften,
    NotDispatched,
}

impl From<Cause> for Rejection {
    #[expect(clippy::too_many_lines, reason = "a table has a row for each cause")]
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::UpgradeMethod(method) => Self::row(
                Kind::MethodNotAllowed,
                StatusCode::METHOD_NOT_ALLOWED,
                format!("A WebSocket handshake is a GET, not a {method}."),
            )
            .with(ALLOW, "GET"),
            Cause::ReservedMethod(method, allowed) => Self::row(
                Kind::MethodNotAllowed,
                StatusCode::METHOD_NOT_ALLOWED,
                format!("This URL takes {allowed}, not {method}."),
            )
            .with(ALLOW, allowed),
            // RFC 6455 §4.4; RFC 9110 §7.8: a sender of Upgrade names it in Connection.
            Cause::UnsupportedVersion => Self::row(
                Kind::UnsupportedVersion,
                StatusCode::UPGRADE_REQUIRED,
                "Sec-WebSocket-Version must be 13.",
            )
            .with(SEC_WEBSOCKET_VERSION, "13")
            .with(UPGRADE, "websocket")
            .with(CONNECTION, "Upgrade"),
            Cause::MalformedHandshake(what) => Self::row(
                Kind::MalformedHandshake,
                StatusCode::BAD_REQUEST,
                format!("This is not a valid WebSocket handshake: {what}."),
            ),
            Cause::HandshakeTooLarge(limit) => Self::row(
                Kind::HandshakeTooLarge,
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                format!(
                    "URL and headers exceed {limit} bytes, the limit of Config::max_handshake_size."
                ),
            ),
            Cause::MalformedOrigin(seen) => Self::row(
                Kind::MalformedOrigin,
                StatusCode::FORBIDDEN,
                format!(
                    "The Origin header {seen:?} is not a valid origin (scheme, host, port). \
                     Config::any_origin would let it in."
                ),
            ),
            Cause::ForeignOrigin { origin, host } => Self::row(
                Kind::ForeignOrigin,
                StatusCode::FORBIDDEN,
                format!(
                    "The page's origin is {origin:?}, the request's host is {host:?}. \
                     Config::origins or Config::public_origin with {origin:?} would let it in."
                ),
            ),
            Cause::HostNotAllowed(host) => Self::row(
                Kind::HostNotAllowed,
                StatusCode::FORBIDDEN,
                format!(
                    "The host {host:?} is not served here. Config::hosts with it would let it in."
                ),
            ),
            Cause::CallersNotConfigured => Self::row(
                Kind::CallersNotConfigured,
                StatusCode::FORBIDDEN,
                "No caller is allowed yet. Set Config::bearer_tokens (or \
                 WEBCONNECTION_BROADCAST_TOKEN), Config::allow_callers_from or \
                 Config::trust_local_callers.",
            ),
            Cause::TokenMissing => Self::row(
                Kind::TokenMissing,
                StatusCode::UNAUTHORIZED,
                "The bearer token is missing. Send `Authorization: Bearer <token>` with a token of \
                 Config::bearer_tokens or WEBCONNECTION_BROADCAST_TOKEN.",
            )
            .with(WWW_AUTHENTICATE, "Bearer"),
            Cause::TokenWrong => Self::row(
                Kind::TokenWrong,
                StatusCode::UNAUTHORIZED,
                "The bearer token is wrong. Send a token of Config::bearer_tokens or \
                 WEBCONNECTION_BROADCAST_TOKEN.",
            )
            .with(WWW_AUTHENTICATE, "Bearer"),
            Cause::CallerNotAllowed(why) => Self::row(
                Kind::CallerNotAllowed,
                StatusCode::FORBIDDEN,
                String::from(why),
            ),
            Cause::LimitReached(reached) => limit_reached(reached),
            Cause::TooManyHandshakes(TooManyHandshakes { retry_after }) => Self::row(
                Kind::TooManyHandshakes,
                StatusCode::SERVICE_UNAVAILABLE,
                "More clients connect than Config::handshake_rate allows. Try again in a moment.",
            )
            .retry_after(retry_after),
            // RFC 9110 §15.5.16: the header tells an unsupported coding from an unsupported type.
            Cause::EncodedBody(header) => Self::row(
                Kind::EncodedBody,
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "The body is encoded (see its {header}). Send it plain, without that header."
                ),
            )
            .with(ACCEPT_ENCODING, "identity"),
            Cause::TooLarge(limit) => Self::row(
                Kind::TooLarge,
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("The body exceeds {limit} bytes, the limit of Config::max_message_size."),
            ),
            Cause::BodyTimeout => Self::row(
                Kind::BodyTimeout,
                StatusCode::REQUEST_TIMEOUT,
                "The body did not arrive within Config::body_timeout.",
            ),
            Cause::BodyFailed => Self::row(
                Kind::BodyFailed,
                StatusCode::BAD_REQUEST,
                "The body ended before it was complete. Send it again.",
            ),
            Cause::BadMessage(why) => Self::row(
                Kind::BadMessage,
                StatusCode::BAD_REQUEST,
                format!("The body is not a valid message: {why}."),
            ),
            Cause::NoGroup => Self::row(
                Kind::BadMessage,
                StatusCode::BAD_REQUEST,
                "The query names no group. Ask for `?group=lobby`.",
            ),
            Cause::NoPresence => Self::row(
                Kind::NotFound,
                StatusCode::NOT_FOUND,
                "This server keeps no list of who is in this group. An application in Rust names the \
                 group in Config::presence.",
            ),
            Cause::ShuttingDown(ShuttingDown { retry_after }) => Self::row(
                Kind::ShuttingDown,
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is shutting down. Try again in a moment.",
            )
            .retry_after(retry_after),
            Cause::IdentifyFailed => Self::row(
                Kind::IdentifyFailed,
                StatusCode::INTERNAL_SERVER_ERROR,
                "The application could not identify this client. The server's log says why.",
            ),
            Cause::IdentifyTimedOut => Self::row(
                Kind::IdentifyTimedOut,
                StatusCode::SERVICE_UNAVAILABLE,
                "The application did not identify this client within Config::identify_timeout. Try \
                 again in a moment.",
            )
            .retry_after(5),
            // RFC 6750 §3.1 words an expired token so; browsers do not ask for a password then.
            Cause::IdentityExpired => Self::row(
                Kind::IdentityExpired,
                StatusCode::UNAUTHORIZED,
                "Your session has expired. Sign in and reconnect.",
            )
            .with(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""),
            Cause::Socket(error) => {
                let (kind, status) = of_socket(error.kind());
                let text = format!("The handler could not do this for its sender: {error}.");
                let rejection = Self::row(kind, status, text);
                // A queue that is full is written meanwhile.
                if kind == Kind::QueueFull {
                    return rejection.retry_after(1);
                }
                rejection
            }
            Cause::UnsuitableMessage(why) => Self::row(
                Kind::UnsuitableMessage,
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("The handler cannot use this message: {why}."),
            ),
            Cause::MessageNotMade(why) => Self::row(
                Kind::HandlerFailed,
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("The handler could not make a message or read a presence value: {why}."),
            ),
            Cause::NoUpgradeHandle => Self::row(
                Kind::NoUpgradeHandle,
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server cannot hand over this connection. Serve with upgrades enabled \
                 (axum::serve does; call with_upgrades of plain hyper, or \
                 serve_connection_with_upgrades of hyper-util's auto builder), and let no other \
                 layer take the request's upgrade handle.",
            ),
            Cause::NotFound => Self::row(
                Kind::NotFound,
                StatusCode::NOT_FOUND,
                "Nothing is served at this URL.",
            ),
            Cause::Alias => Self::row(
                Kind::Alias,
                StatusCode::FORBIDDEN,
                "This path is another spelling of a reserved URL. Use the plain one.",
            ),
            Cause::EncodedTooOften => Self::row(
                Kind::Alias,
                StatusCode::BAD_REQUEST,
                "This path is percent-encoded more than four times.",
            ),
            Cause::NotDispatched => Self::row(
                Kind::NotDispatched,
                StatusCode::FORBIDDEN,
                "This request did not come through the WebSocket layer. Wrap the whole application: \
                 layer.layer(router), not router.layer(layer).",
            ),
        }
    }
}

impl Rejection {
    fn with(self, name: HeaderName, value: &'static str) -> Self {
        self.header(name, HeaderValue::from_static(value))
    }

    /// Tells the client in how many seconds to try again.
    pub(super) fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, seconds.into())
    }
}

fn of_socket(kind: SocketErrorKind) -> (Kind, StatusCode) {
    match kind {
        SocketErrorKind::NotConnected => (Kind::NotConnected, StatusCode::CONFLICT),
        SocketErrorKind::TooManyGroups => (Kind::TooManyGroups, StatusCode::CONFLICT),
        SocketErrorKind::NameTooLong => (Kind::NameTooLong, StatusCode::BAD_REQUEST),
        SocketErrorKind::QueueFull => (Kind::QueueFull, StatusCode::SERVICE_UNAVAILABLE),
        SocketErrorKind::TooManyReplies
        | SocketErrorKind::NoPresence
        | SocketErrorKind::PresenceNotJson => {
            (Kind::HandlerFailed, StatusCode::INTERNAL_SERVER_ERROR)
        }
        SocketErrorKind::PresenceTooLarge => {
            (Kind::UnsuitableMessage, StatusCode::UNPROCESSABLE_ENTITY)
        }
        SocketErrorKind::TooManyWatches => (Kind::TooManyGroups, StatusCode::CONFLICT),
    }
}

fn limit_reached(reached: LimitReached) -> Rejection {
    let LimitReached {
        limit,
        finishing,
        retry_after,
    } = reached;
    let (kind, status) = match limit {
        Limit::Sockets => (Kind::TooManySockets, StatusCode::SERVICE_UNAVAILABLE),
        Limit::User => (Kind::TooManySocketsOfUser, StatusCode::TOO_MANY_REQUESTS),
        Limit::Client(_) => (Kind::TooManySocketsOfClient, StatusCode::TOO_MANY_REQUESTS),
    };
    let text = if finishing {
        still_finishing(limit)
    } else {
        all_open(limit)
    };
    let part = u64::from(retry_after.subsec_nanos() > 0);
    let seconds = retry_after.as_secs().saturating_add(part).max(1);
    Rejection::row(kind, status, text).retry_after(seconds)
}

fn still_finishing(limit: Limit) -> String {
    let (sender, option) = match limit {
        Limit::Sockets => ("", "max_sockets"),
        Limit::User => (" of this user", "max_sockets_per_user"),
        Limit::Client(_) => (" of this client", "max_sockets_per_client"),
    };
    format!(
        "More closed sockets{sender} than Config::{option} allows still have messages in hand. Try \
         again in a moment."
    )
}

fn all_open(limit: Limit) -> String {
    match limit {
        Limit::Sockets => "The server has as many open sockets as Config::max_sockets allows. Try \
                         again in a moment."
            .to_owned(),
        Limit::User => {
            "This user has as many open sockets as Config::max_sockets_per_user allows. \
                      Close one, or try again in a moment."
                .to_owned()
        }
        Limit::Client(Client::Unknown) => {
            "All clients of unknown address together have as many open \
                                         sockets as Config::max_sockets_per_client allows. Serve \
                                         with axum's connect info or insert a PeerAddr to count \
                                         each client alone."
                .to_owned()
        }
        Limit::Client(client) => format!(
            "The client {client} has as many open sockets as Config::max_sockets_per_client allows. \
             If it is a proxy, Config::trusted_proxies with it counts each client alone."
        ),
    }
}
