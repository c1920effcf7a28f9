use axum::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::middleware::{Rejection, Socket};

/// Takes the socket out of a request that the layer dispatched. A request that came in any other
/// way is refused with 403: nobody but the layer can make one that is taken.
impl<S: Sync> FromRequestParts<S> for Socket {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        Self::from_extensions(&parts.extensions)
    }
}

/// The refusal's status and problem text.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Self::into_response::<Body>(self)
    }
}
