//! The kinds of refusal, as statistics, logs and the browser client name them.

/// The kind of a [`Rejection`](crate::Rejection): what was wrong with the request.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Rejection, RejectionKind};
///
/// fn is_setup(rejection: &Rejection) -> bool {
///     use RejectionKind::{NoUpgradeHandle, CallersNotConfigured, NotDispatched};
///
///     matches!(rejection.kind(), CallersNotConfigured | NotDispatched | NoUpgradeHandle)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The method is not the one that the URL takes.
    MethodNotAllowed,
    /// The handshake is not of version 13 of the WebSocket protocol.
    UnsupportedVersion,
    /// The request is not a valid WebSocket handshake.
    MalformedHandshake,
    /// The handshake's URL and headers are larger than allowed.
    HandshakeTooLarge,
    /// The `Origin` header is not a single valid origin.
    MalformedOrigin,
    /// The page's origin may not open sockets.
    ForeignOrigin,
    /// The request is for a host that is not served.
    HostNotAllowed,
    /// No configured option admits callers to this URL.
    CallersNotConfigured,
    /// The request carries no bearer token.
    TokenMissing,
    /// The request's bearer token is not a configured one.
    TokenWrong,
    /// The caller meets none of the configured conditions.
    CallerNotAllowed,
    /// The server has as many sockets as it may.
    TooManySockets,
    /// The user has as many sockets as one user may.
    TooManySocketsOfUser,
    /// The client's address has as many sockets as one address may.
    TooManySocketsOfClient,
    /// More clients connect at one time than the server takes.
    TooManyHandshakes,
    /// The body is compressed or otherwise encoded.
    EncodedBody,
    /// The message is larger than allowed.
    TooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body ended before it was complete.
    BodyFailed,
    /// The body is not a valid message.
    BadMessage,
    /// The hub is shutting down.
    ShuttingDown,
    /// The `identify` hook refused the client.
    IdentifyRefused,
    /// The `identify` hook panicked, or named more than a socket may have.
    IdentifyFailed,
    /// The `identify` hook took too long.
    IdentifyTimedOut,
    /// The identity that the `identify` hook found had expired.
    IdentityExpired,
    /// The application refused the `connect` event, or failed on a message posted to it.
    ApplicationRefused,
    /// A handler used the socket of its message, which is closed or, for a posted message, missing.
    NotConnected,
    /// A handler made a socket join more groups than allowed.
    TooManyGroups,
    /// A handler gave a socket a user or group whose name is longer than allowed.
    NameTooLong,
    /// A handler sent more than the socket's queue has room for.
    QueueFull,
    /// The handler cannot use the content of the message.
    UnsuitableMessage,
    /// A handler could not make a message, could not write or read a presence value, or made too many
    /// replies to a posted message.
    HandlerFailed,
    /// The server does not hand over the connection.
    NoUpgradeHandle,
    /// Nothing is served at this URL.
    NotFound,
    /// The path is another spelling of a reserved URL, which the server behind could take for it.
    Alias,
    /// Too many events wait for the upstream, so that no further socket may open.
    UpstreamUnavailable,
    /// The middleware did not dispatch the request, so it carries no socket.
    NotDispatched,
}

impl RejectionKind {
    /// Returns the key that statistics and problem details use, such as `foreign_origin`.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::RejectionKind;
    ///
    /// assert_eq!(RejectionKind::TooLarge.as_str(), "too_large");
    /// ```
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedVersion => "unsupported_version",
            Self::MalformedHandshake => "malformed_handshake",
            Self::HandshakeTooLarge => "handshake_too_large",
            Self::MalformedOrigin => "malformed_origin",
            Self::ForeignOrigin => "foreign_origin",
            Self::HostNotAllowed => "host_not_allowed",
            Self::CallersNotConfigured => "callers_not_configured",
            Self::TokenMissing => "token_missing",
            Self::TokenWrong => "token_wrong",
            Self::CallerNotAllowed => "caller_not_allowed",
            Self::TooManySockets => "too_many_sockets",
            Self::TooManySocketsOfUser => "too_many_sockets_of_user",
            Self::TooManySocketsOfClient => "too_many_sockets_of_client",
            Self::TooManyHandshakes => "too_many_handshakes",
            Self::EncodedBody => "encoded_body",
            Self::TooLarge => "too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyFailed => "body_failed",
            Self::BadMessage => "bad_message",
            Self::ShuttingDown => "shutting_down",
            Self::IdentifyRefused => "identify_refused",
            Self::IdentifyFailed => "identify_failed",
            Self::IdentifyTimedOut => "identify_timed_out",
            Self::IdentityExpired => "identity_expired",
            Self::ApplicationRefused => "application_refused",
            Self::NotConnected => "not_connected",
            Self::TooManyGroups => "too_many_groups",
            Self::NameTooLong => "name_too_long",
            Self::QueueFull => "queue_full",
            Self::UnsuitableMessage => "unsuitable_message",
            Self::HandlerFailed => "handler_failed",
            Self::NoUpgradeHandle => "no_upgrade_handle",
            Self::NotFound => "not_found",
            Self::Alias => "alias",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::NotDispatched => "not_dispatched",
        }
    }
}
