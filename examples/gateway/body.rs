//! The bodies on their way through the gateway.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;

use web_connection_socket::RequestBody;

pin_project! {
    /// The body of an answer: the application's, which streams, or one of the gateway's own.
    pub(crate) struct AnswerBody {
        #[pin]
        kind: Kind,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind {
        Application { #[pin] body: Incoming },
        Own { text: Option<Bytes> },
    }
}

impl AnswerBody {
    pub(crate) fn of_application(body: Incoming) -> Self {
        let kind = Kind::Application { body };
        Self { kind }
    }

    /// Returns the text of an answer that the application did not give.
    pub(crate) fn own_text(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Application { .. } => None,
            Kind::Own { text } => Some(text.as_deref().unwrap_or_default()),
        }
    }
}

impl From<Bytes> for AnswerBody {
    fn from(text: Bytes) -> Self {
        let text = (!text.is_empty()).then_some(text);
        let kind = Kind::Own { text };
        Self { kind }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.project().kind.project() {
            KindProjection::Application { body } => body.poll_frame(cx),
            KindProjection::Own { text } => {
                Poll::Ready(text.take().map(|text| Ok(Frame::data(text))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Application { body } => body.is_end_stream(),
            Kind::Own { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Application { body } => body.size_hint(),
            Kind::Own { text } => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}

pin_project! {
    /// The body of a visitor's request. It tells when the client has sent it, or given it up.
    pub(crate) struct Upload {
        #[pin]
        body: RequestBody<Incoming>,
        _sent: oneshot::Sender<Infallible>,
    }
}

impl Upload {
    /// The receiver fails once the body is dropped.
    pub(crate) fn new(body: RequestBody<Incoming>) -> (Self, oneshot::Receiver<Infallible>) {
        let (_sent, dropped) = oneshot::channel();
        (Self { body, _sent }, dropped)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
