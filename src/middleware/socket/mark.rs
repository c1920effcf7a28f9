//! The proof, in a request's extensions, that the layer dispatched it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use http::Extensions;

use super::Socket;
use crate::middleware::rejection::{Cause, Rejection};

/// Marks a request that the layer made. Only the layer can make one, so no client can forge it.
#[derive(Clone, Debug)]
pub(in crate::middleware) struct DispatchMark(Arc<Dispatch>);

#[derive(Debug)]
struct Dispatch {
    socket: Socket,
    is_taken: AtomicBool,
}

impl DispatchMark {
    pub(in crate::middleware) fn new(socket: Socket) -> Self {
        Self(Arc::new(Dispatch {
            socket,
            is_taken: AtomicBool::new(false),
        }))
    }

    /// Returns whether a handler took the socket out of the request.
    pub(in crate::middleware) fn is_taken(&self) -> bool {
        self.0.is_taken.load(Relaxed)
    }
}

impl Socket {
    /// Takes the socket out of a dispatched request's extensions, for handlers outside axum.
    ///
    /// # Errors
    ///
    /// If the layer did not dispatch the request. The rejection is a 403
    /// ([`Rejection::into_response`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use http::Request;
    /// use web_connection_socket::{Rejection, Socket};
    ///
    /// fn action<B>(request: &Request<B>) -> Result<String, Rejection> {
    ///     let socket = Socket::from_extensions(request.extensions())?;
    ///     Ok(socket.message().action.clone())
    /// }
    /// assert!(action(&Request::new(())).is_err());
    /// ```
    pub fn from_extensions(extensions: &Extensions) -> Result<Self, Rejection> {
        let DispatchMark(dispatch) = extensions
            .get()
            .ok_or_else(|| Rejection::from(Cause::NotDispatched))?;
        dispatch.is_taken.store(true, Relaxed);
        Ok(dispatch.socket.clone())
    }
}
