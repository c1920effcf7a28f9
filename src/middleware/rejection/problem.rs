//! A refused request: why, and the HTTP answer to it.

use std::{borrow::Cow, error::Error, fmt};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use serde::Serialize;

use crate::protocol::RejectionKind;

/// A refused request: the middleware's own refusal, or that of a hook.
///
/// The hooks `identify`, `on_connect` and `on_expiry` make one with [`new`](Self::new). The answer to
/// the client is problem details (RFC 9457), or the [`body`](Self::body) that a hook chose.
///
/// In a hook `?` also refuses with a [`SocketError`](crate::SocketError) or a
/// [`MessageError`](crate::MessageError). The client then reads the error's text, which names options
/// of [`Config`](crate::Config) and nothing of the content of a message.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use web_connection_socket::{Handshake, Identity, Rejection};
///
/// async fn identify(handshake: Handshake) -> Result<Identity, Rejection> {
///     match handshake.query("user") {
///         Some(user) => Ok(Identity::user(&*user)),
///         None => Err(Rejection::new(StatusCode::UNAUTHORIZED).detail("Sign in first.")),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Rejection {
    /// Boxed: it makes every `Result` with a rejection small.
    answer: Box<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    kind: RejectionKind,
    status: StatusCode,
    content: Content,
    headers: HeaderMap,
}

#[derive(Clone, Debug)]
enum Content {
    /// The hook gave only a status.
    Unexplained,
    Detail(Cow<'static, str>),
    Body(HeaderValue, Bytes),
}

impl Rejection {
    /// Refuses with a status and a general sentence.
    ///
    /// A status below 300 would open the socket, or say that it is open: 403 takes its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::Rejection;
    ///
    /// let rejection = Rejection::new(StatusCode::UNAUTHORIZED);
    /// assert_eq!(rejection.status(), StatusCode::UNAUTHORIZED);
    /// assert_eq!(Rejection::new(StatusCode::OK).status(), StatusCode::FORBIDDEN);
    /// ```
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        let status = if status.as_u16() < 300 {
            StatusCode::FORBIDDEN
        } else {
            status
        };
        Self::with_content(
            RejectionKind::ApplicationRefused,
            status,
            Content::Unexplained,
        )
    }

    /// Says why, in the `detail` of problem details (`application/problem+json`). Replaces a
    /// [`body`](Self::body).
    #[must_use]
    pub fn detail(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.answer.content = Content::Detail(text.into());
        self
    }

    /// Sends this body instead of problem details. Replaces a [`detail`](Self::detail).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode};
    /// use web_connection_socket::Rejection;
    ///
    /// let html = HeaderValue::from_static("text/html");
    /// let rejection = Rejection::new(StatusCode::FORBIDDEN).body(html, "<p>Members only.</p>");
    /// ```
    #[must_use]
    pub fn body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.answer.content = Content::Body(content_type, body.into());
        self
    }

    /// Adds a header to the answer, for example `Location`, `WWW-Authenticate` or `Retry-After`.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
    /// use web_connection_socket::Rejection;
    ///
    /// let rejection = Rejection::new(StatusCode::TOO_MANY_REQUESTS)
    ///     .header(RETRY_AFTER, HeaderValue::from_static("30"));
    /// ```
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.answer.headers.append(name, value);
        self
    }

    /// Returns what was wrong.
    ///
    /// A rejection that a hook made is [`IdentifyRefused`](RejectionKind::IdentifyRefused) once
    /// `identify` has returned it, and [`ApplicationRefused`](RejectionKind::ApplicationRefused)
    /// otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Rejection, RejectionKind};
    ///
    /// fn is_attack(rejection: &Rejection) -> bool {
    ///     rejection.kind() == RejectionKind::ForeignOrigin
    /// }
    /// ```
    #[must_use]
    pub fn kind(&self) -> RejectionKind {
        self.answer.kind
    }

    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status
    }

    /// Builds the answer.
    ///
    /// Its header `WebSocket-Refusal` names the [`kind`](Self::kind), so that the browser client can
    /// tell an application's own page from that of a proxy.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use web_connection_socket::Socket;
    ///
    /// fn on_web_socket<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    ///     match Socket::from_extensions(request.extensions()) {
    ///         Ok(socket) => Response::new(Full::from(socket.message().action.clone())),
    ///         Err(rejection) => rejection.into_response(),
    ///     }
    /// }
    /// assert_eq!(on_web_socket(&Request::new(())).status(), 403);
    /// ```
    #[must_use]
    pub fn into_response<RB: From<Bytes>>(self) -> Response<RB> {
        let (content_type, body) = match &self.answer.content {
            Content::Body(content_type, body) => (content_type.clone(), body.clone()),
            Content::Detail(_) | Content::Unexplained => {
                let problem = HeaderValue::from_static("application/problem+json");
                (problem, self.problem())
            }
        };
        let Answer {
            kind,
            status,
            headers: own,
            ..
        } = *self.answer;
        let mut response = Response::new(RB::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(own);
        headers.insert(REFUSAL, HeaderValue::from_static(kind.as_str()));
        response
    }

    /// Makes a row of the table.
    pub(super) fn row(
        kind: RejectionKind,
        status: StatusCode,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::with_content(kind, status, Content::Detail(text.into()))
    }

    fn with_content(kind: RejectionKind, status: StatusCode, content: Content) -> Self {
        Self {
            answer: Box::new(Answer {
                kind,
                status,
                content,
                headers: HeaderMap::new(),
            }),
        }
    }

    /// Counts a hook's rejection as what that hook decides.
    pub(in super::super) fn with_kind(mut self, kind: RejectionKind) -> Self {
        self.answer.kind = kind;
        self
    }

    /// Returns the sentence that says why; none where a hook gave a body or only a status.
    pub(in super::super) fn text(&self) -> Option<&str> {
        match &self.answer.content {
            Content::Detail(text) => Some(text),
            Content::Unexplained | Content::Body(..) => None,
        }
    }

    /// Tells whether the client may try the same again a little later.
    pub(in super::super) fn is_temporary(&self) -> bool {
        self.answer.headers.contains_key(RETRY_AFTER)
    }

    fn problem(&self) -> Bytes {
        let status = self.status();
        let detail = self.to_string();
        let problem = Problem {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: &detail,
            code: self.kind().as_str(),
        };
        serde_json::to_vec(&problem)
            .expect("numbers and strings are JSON")
            .into()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            self.text()
                .unwrap_or("The application refused this connection."),
        )
    }
}

impl Error for Rejection {}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

pub(super) const REFUSAL: HeaderName = HeaderName::from_static("websocket-refusal");
