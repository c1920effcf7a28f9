//! WebSockets of the application's own, which the gateway passes through.

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE},
    request::Parts,
};
use hyper::{
    body::Incoming,
    ext::Protocol,
    upgrade::{self, OnUpgrade},
};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tungstenite::handshake::{client::generate_key, derive_accept_key};

use crate::{
    failure::Failure,
    headers::{ask_for_websocket, clean_answer, has_token},
};

/// A visitor's wish to switch to WebSocket, over either version of HTTP.
pub(crate) struct Switch {
    visitor: OnUpgrade,
    /// The key that the gateway made: handshakes over HTTP/2 have none.
    own_key: Option<HeaderValue>,
}

impl Switch {
    /// Takes the wish out of a request that has it. Other upgrades are not passed on.
    pub(crate) fn take(parts: &mut Parts) -> Option<Self> {
        let is_http2 = parts.version == Version::HTTP_2;
        let asks = if is_http2 {
            let protocol = parts.extensions.get::<Protocol>();
            protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case("websocket"))
        } else {
            has_token(&parts.headers, UPGRADE, "websocket")
                && has_token(&parts.headers, CONNECTION, "upgrade")
        };
        let visitor = parts.extensions.remove::<OnUpgrade>().filter(|_| asks)?;
        let own_key = is_http2
            .then(|| HeaderValue::from_str(&generate_key()).ok())
            .flatten();
        Some(Self { visitor, own_key })
    }

    /// Makes a handshake of HTTP/1.1 of the visitor's.
    pub(crate) fn ask(&self, method: &mut Method, headers: &mut HeaderMap) {
        ask_for_websocket(headers);
        if let Some(key) = &self.own_key {
            *method = Method::GET;
            headers.insert(SEC_WEBSOCKET_KEY, key.clone());
        }
    }

    /// Makes the visitor's answer of the application's, and joins both connections if it agreed.
    pub(crate) fn follow(self, answer: &mut Response<Incoming>) -> Result<(), Failure> {
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            clean_answer(answer.headers_mut());
            return Ok(());
        }
        let application = upgrade::on(&mut *answer);
        let headers = answer.headers_mut();
        if !has_token(headers, UPGRADE, "websocket") {
            return Err(Failure::bad_gateway(
                "The application switched to another protocol than WebSocket.",
            ));
        }
        clean_answer(headers);
        if let Some(key) = &self.own_key {
            // RFC 6455 §4.1: the answer to a key proves that the server speaks WebSocket.
            let proof = derive_accept_key(key.as_bytes());
            let answered = headers.remove(SEC_WEBSOCKET_ACCEPT);
            if answered.is_none_or(|answered| answered.as_bytes() != proof.as_bytes()) {
                return Err(Failure::bad_gateway(
                    "The application accepted a WebSocket with a wrong key.",
                ));
            }
            // RFC 8441 §5: a stream is accepted by 200.
            *answer.status_mut() = StatusCode::OK;
        } else {
            ask_for_websocket(headers);
        }
        #[expect(clippy::disallowed_methods, reason = "it ends with either connection")]
        tokio::spawn(join(self.visitor, application));
        Ok(())
    }
}

/// Copies bytes both ways until either side has ended.
async fn join(visitor: OnUpgrade, application: OnUpgrade) {
    let joined = async {
        let (visitor, application) = tokio::try_join!(visitor, application)?;
        let (mut visitor, mut application) = (TokioIo::new(visitor), TokioIo::new(application));
        let copied = copy_bidirectional(&mut visitor, &mut application).await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(copied)
    };
    match joined.await {
        Ok((sent, received)) => tracing::debug!(sent, received, "a passed-through socket ended"),
        Err(error) => tracing::debug!(error, "a passed-through socket broke"),
    }
}
