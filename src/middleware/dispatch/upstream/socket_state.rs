//! What an upstream's answers leave at a socket.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;

use super::headers::STATE;
use crate::middleware::{log::Kind, source::Connection, state::State};

/// A socket, and the state that the application keeps at it.
pub(super) struct SocketState {
    pub(super) connection: Arc<Connection>,
    kept: Mutex<Option<Box<[u8]>>>,
}

impl SocketState {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            kept: Mutex::new(None),
        }
    }

    /// Returns what the application last asked to get back.
    pub(super) fn kept(&self) -> HeaderValue {
        let kept = self.kept.lock();
        let kept = kept.as_deref().unwrap_or_default();
        HeaderValue::from_bytes(kept).expect("it was a header value")
    }

    /// Keeps what an answer asks to get back: a copy, since the value pins the client's read buffer.
    pub(super) fn keep(&self, state: &State, headers: &HeaderMap) {
        let Some(value) = headers.get(STATE) else {
            return;
        };
        // The signature covers it: verifiers trim it, and RFC 9421 §2.1 knows no other signs.
        let value = value.as_bytes().trim_ascii();
        let is_plain = value.iter().all(|byte| (b' '..=b'~').contains(byte));
        if value.len() > MAX_STATE || !is_plain {
            let what = "a WebSocket-State header";
            state.log.write(Kind::NotHandled(what), |suppressed| {
                tracing::warn!(
                    bytes = value.len(),
                    suppressed,
                    "a WebSocket-State header was not kept: it takes {MAX_STATE} bytes of ASCII"
                );
            });
            return;
        }
        *self.kept.lock() = (!value.is_empty()).then(|| value.into());
    }

    /// Returns whether the sender's identity has ended.
    pub(super) fn is_expired(&self) -> bool {
        self.connection.entry.is_expired()
    }
}

/// In bytes.
const MAX_STATE: usize = 1_024;
