use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// An application's own "no" to a handshake: a status, and what is said with it.
///
/// A status below 300 would say "yes", so 403 takes its place. Without a [`detail`](Self::detail) or
/// a [`body`](Self::body) a general sentence is sent.
///
/// # Examples
///
/// ```
/// use http::StatusCode;
/// use web_connection_socket::Refusal;
///
/// let refusal = Refusal::new(StatusCode::UNAUTHORIZED).detail("Please log in first.");
/// assert_eq!(refusal.status(), StatusCode::UNAUTHORIZED);
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    says: Says,
    /// Boxed: it is seldom used, and makes every `Result` with a refusal large.
    headers: Box<HeaderMap>,
}

#[derive(Clone, Debug)]
enum Says {
    Nothing,
    Detail(Cow<'static, str>),
    Body(HeaderValue, Bytes),
}

impl Refusal {
    /// Refuses with a status, and no word of the application's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::Refusal;
    ///
    /// let refusal = Refusal::new(StatusCode::FORBIDDEN);
    /// ```
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self {
            status,
            says: Says::Nothing,
            headers: Box::default(),
        }
    }

    /// Says why, in the `detail` of problem details (`application/problem+json`).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::Refusal;
    ///
    /// let refusal = Refusal::new(StatusCode::FORBIDDEN).detail("Your account is locked.");
    /// ```
    #[must_use]
    pub fn detail(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.says = Says::Detail(text.into());
        self
    }

    /// Sends this body instead of problem details.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode};
    /// use web_connection_socket::Refusal;
    ///
    /// let html = HeaderValue::from_static("text/html");
    /// let refusal = Refusal::new(StatusCode::FORBIDDEN).body(html, "<p>Members only.</p>");
    /// ```
    #[must_use]
    pub fn body(mut self, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.says = Says::Body(content_type, body.into());
        self
    }

    /// Adds a header to the answer: where to go, how to sign in, when to come again.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
    /// use web_connection_socket::Refusal;
    ///
    /// let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS)
    ///     .header(RETRY_AFTER, HeaderValue::from_static("30"));
    /// ```
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Returns the status.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::Refusal;
    ///
    /// assert_eq!(Refusal::new(StatusCode::FORBIDDEN).status(), StatusCode::FORBIDDEN);
    /// ```
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the application's own sentence.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.says {
            Says::Detail(text) => Some(text),
            Says::Nothing | Says::Body(..) => None,
        }
    }

    /// Returns the application's own headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the body that takes the place of problem details, with its content type.
    pub(super) fn own_body(&self) -> Option<(HeaderValue, Bytes)> {
        match &self.says {
            Says::Body(content_type, body) => Some((content_type.clone(), body.clone())),
            Says::Nothing | Says::Detail(_) => None,
        }
    }
}
