//! An application that takes whatever comes and remembers it.

use std::sync::{Arc, Mutex};

use axum::{Router, body::to_bytes, extract::Request, response::Response};
use http::{HeaderMap, Method, Uri};
use web_connection_socket::Socket;

use super::until;

/// The requests that reached the application.
#[derive(Clone, Default)]
pub(crate) struct Visits(Arc<Mutex<Vec<Visit>>>);

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// What the extractor would have taken out of it.
    pub(crate) socket: Option<Socket>,
}

impl Visit {
    /// The values of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.get_all(name).iter();
        lines.map(|line| line.to_str().expect("ASCII")).collect()
    }
}

impl Visits {
    /// An application without routes that answers everything with `the application`.
    pub(crate) fn app(&self) -> Router {
        self.answering(|_| Response::new("the application".into()))
    }

    /// An application that answers as it is told.
    pub(crate) fn answering<F>(&self, answer: F) -> Router
    where
        F: Fn(&Visit) -> Response + Clone + Send + Sync + 'static,
    {
        let visits = self.clone();
        Router::new().fallback(move |request: Request| async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.expect("a whole body");
            let visit = Visit {
                socket: Socket::from_extensions(&parts.extensions).ok(),
                method: parts.method,
                uri: parts.uri,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).expect("UTF-8"),
            };
            let answer = answer(&visit);
            visits.0.lock().expect("no panic").push(visit);
            answer
        })
    }

    /// How many requests came since they were last taken.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    /// Waits for a request, which is the only one.
    pub(crate) async fn next(&self) -> Visit {
        until("a request reaches the application", || self.len() > 0).await;
        self.only()
    }

    /// Everything since the last call.
    pub(crate) fn take(&self) -> Vec<Visit> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// The one request since the last call.
    pub(crate) fn only(&self) -> Visit {
        let mut visits = self.take();
        assert_eq!(visits.len(), 1, "{visits:?}");
        visits.remove(0)
    }
}
