use http::StatusCode;

/// What was wrong with a refused request.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Rejection, RejectionKind};
///
/// fn is_setup(rejection: &Rejection) -> bool {
///     use RejectionKind::{NoUpgradeHandle, NobodyMayCall, NotDispatched};
///
///     matches!(rejection.kind(), NobodyMayCall | NotDispatched | NoUpgradeHandle)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The method is not the one that the URL takes.
    MethodNotAllowed,
    /// The handshake wants another version of the WebSocket protocol than 13.
    UnsupportedVersion,
    /// The handshake is not a whole one.
    MalformedHandshake,
    /// The handshake's URL and headers are larger than allowed.
    HandshakeTooLarge,
    /// The `Origin` header is not one origin.
    MalformedOrigin,
    /// The page comes from an origin that may not open a socket.
    ForeignOrigin,
    /// The request is for a host that is not served.
    HostNotAllowed,
    /// Nothing is configured that would let anybody call this URL.
    NobodyMayCall,
    /// The request carries no bearer token.
    TokenMissing,
    /// The request's bearer token is not one of ours.
    TokenWrong,
    /// The caller meets none of the configured conditions.
    CallerNotAllowed,
    /// No more sockets may be open at one time.
    TooManySockets,
    /// The user may have no more sockets open at one time.
    TooManySocketsOfUser,
    /// The client's address may have no more sockets open at one time.
    TooManySocketsOfClient,
    /// The body is compressed or otherwise encoded.
    EncodedBody,
    /// The message is larger than allowed.
    TooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body broke off.
    BodyFailed,
    /// The body is not a message.
    BadMessage,
    /// The hub is shutting down.
    ShuttingDown,
    /// The `identify` hook refused the visitor.
    IdentifyRefused,
    /// The `identify` hook panicked.
    IdentifyFailed,
    /// The `identify` hook took too long.
    IdentifyTimedOut,
    /// The identity that the `identify` hook found had expired.
    IdentityExpired,
    /// The application refused the `connect` event, or failed on a message posted to it.
    ApplicationRefused,
    /// A handler wanted something of a socket that is closed, or that a posted message does not have.
    NotConnected,
    /// A handler made a socket join more groups than allowed.
    TooManyGroups,
    /// A handler gave a socket the name of a user or group that is longer than allowed.
    NameTooLong,
    /// A handler sent more than the socket's queue has room for.
    QueueFull,
    /// The message is not what its handler reads.
    UnsuitableMessage,
    /// A handler could not make a message, or made too many replies to a posted one.
    HandlerFailed,
    /// The server offers no way to take over the connection.
    NoUpgradeHandle,
    /// The URL is served elsewhere.
    NotFound,
    /// The request was not dispatched by the middleware, so there is no socket in it.
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
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    pub(super) fn status(self) -> StatusCode {
        self.row().1
    }

    fn row(self) -> (&'static str, StatusCode) {
        match self {
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::UnsupportedVersion => ("unsupported_version", StatusCode::UPGRADE_REQUIRED),
            Self::MalformedHandshake => ("malformed_handshake", StatusCode::BAD_REQUEST),
            Self::HandshakeTooLarge => (
                "handshake_too_large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ),
            Self::MalformedOrigin => ("malformed_origin", StatusCode::FORBIDDEN),
            Self::ForeignOrigin => ("foreign_origin", StatusCode::FORBIDDEN),
            Self::HostNotAllowed => ("host_not_allowed", StatusCode::FORBIDDEN),
            Self::NobodyMayCall => ("nobody_may_call", StatusCode::FORBIDDEN),
            Self::TokenMissing => ("token_missing", StatusCode::UNAUTHORIZED),
            Self::TokenWrong => ("token_wrong", StatusCode::UNAUTHORIZED),
            Self::CallerNotAllowed => ("caller_not_allowed", StatusCode::FORBIDDEN),
            Self::TooManySockets => ("too_many_sockets", StatusCode::SERVICE_UNAVAILABLE),
            Self::TooManySocketsOfUser => {
                ("too_many_sockets_of_user", StatusCode::TOO_MANY_REQUESTS)
            }
            Self::TooManySocketsOfClient => {
                ("too_many_sockets_of_client", StatusCode::TOO_MANY_REQUESTS)
            }
            Self::EncodedBody => ("encoded_body", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::BodyTimeout => ("body_timeout", StatusCode::REQUEST_TIMEOUT),
            Self::BodyFailed => ("body_failed", StatusCode::BAD_REQUEST),
            Self::BadMessage => ("bad_message", StatusCode::BAD_REQUEST),
            Self::ShuttingDown => ("shutting_down", StatusCode::SERVICE_UNAVAILABLE),
            Self::IdentifyRefused => ("identify_refused", StatusCode::FORBIDDEN),
            Self::IdentifyFailed => ("identify_failed", StatusCode::INTERNAL_SERVER_ERROR),
            Self::IdentifyTimedOut => ("identify_timed_out", StatusCode::SERVICE_UNAVAILABLE),
            Self::IdentityExpired => ("identity_expired", StatusCode::UNAUTHORIZED),
            Self::ApplicationRefused => ("application_refused", StatusCode::FORBIDDEN),
            Self::NotConnected => ("not_connected", StatusCode::CONFLICT),
            Self::TooManyGroups => ("too_many_groups", StatusCode::CONFLICT),
            Self::NameTooLong => ("name_too_long", StatusCode::BAD_REQUEST),
            Self::QueueFull => ("queue_full", StatusCode::SERVICE_UNAVAILABLE),
            Self::UnsuitableMessage => ("unsuitable_message", StatusCode::UNPROCESSABLE_ENTITY),
            Self::HandlerFailed => ("handler_failed", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NoUpgradeHandle => ("no_upgrade_handle", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::NotDispatched => ("not_dispatched", StatusCode::FORBIDDEN),
        }
    }
}
