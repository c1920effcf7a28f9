//! The body of a request to an upstream, which knows whether it was sent.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{
            AtomicU8,
            Ordering::{AcqRel, Acquire},
        },
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// The body of a request to an [`Upstream`](super::Upstream): one message in JSON.
///
/// It notes when a client begins to send it. A request that is given up before that was certainly not
/// handled, and its body can no longer be sent.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use web_connection_socket::{NotSent, UpstreamBody};
///
/// /// For a client that is not generic over its body.
/// fn plain(request: Request<UpstreamBody>) -> Result<Request<Full<Bytes>>, NotSent> {
///     let (parts, body) = request.into_parts();
///     let json = body.into_bytes().ok_or_else(|| NotSent::new("the request was given up"))?;
///     Ok(Request::from_parts(parts, Full::from(json)))
/// }
/// ```
pub struct UpstreamBody {
    json: Option<Bytes>,
    departure: Departure,
}

impl UpstreamBody {
    pub(super) fn new(json: Bytes, departure: Departure) -> Self {
        Self {
            json: Some(json),
            departure,
        }
    }

    /// Takes the message out, which counts as sending it. Returns `None` if it was taken already, or if
    /// the request was given up.
    #[must_use]
    pub fn into_bytes(mut self) -> Option<Bytes> {
        let json = self.json.take()?;
        self.departure.begin().then_some(json)
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(json) = self.json.take() else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(if self.departure.begin() {
            Ok(Frame::data(json))
        } else {
            Err(io::Error::other("the request was given up"))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.json.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.json.as_ref().map_or(0, |json| json.len() as u64))
    }
}

/// Shows the length alone: a message may hold secrets.
impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBody")
            .field("bytes", &self.json.as_ref().map(Bytes::len))
            .finish_non_exhaustive()
    }
}

/// Whether a body was sent: by the client, or withdrawn before, and never both.
#[derive(Clone, Debug, Default)]
pub(super) struct Departure(Arc<AtomicU8>);

impl Departure {
    /// Keeps the body from being sent. Returns `false` if it may have been sent already.
    pub(super) fn withdraw(&self) -> bool {
        self.leave_waiting(WITHDRAWN) != Err(SENT)
    }

    /// Notes that the body is sent. Returns `false` if it was withdrawn.
    fn begin(&self) -> bool {
        self.leave_waiting(SENT).is_ok()
    }

    fn leave_waiting(&self, to: u8) -> Result<u8, u8> {
        self.0.compare_exchange(WAITING, to, AcqRel, Acquire)
    }
}

const WAITING: u8 = 0;
const SENT: u8 = 1;
const WITHDRAWN: u8 = 2;

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn new() -> (UpstreamBody, Departure) {
        let departure = Departure::default();
        (UpstreamBody::new("{}".into(), departure.clone()), departure)
    }

    #[tokio::test]
    async fn a_body_is_sent_or_withdrawn_and_never_both() {
        let (body, departure) = new();
        assert_eq!(body.size_hint().exact(), Some(2));
        assert!(!format!("{body:?}").contains("{}"));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "{}");
        assert!(!departure.withdraw());

        let (body, departure) = new();
        assert!(departure.withdraw());
        assert!(departure.withdraw(), "it stays so");
        assert!(body.collect().await.is_err());

        let (body, departure) = new();
        assert_eq!(body.into_bytes().unwrap(), "{}");
        assert!(!departure.withdraw());

        let (body, departure) = new();
        assert!(departure.withdraw());
        assert_eq!(body.into_bytes(), None);
    }
}
