//! The `on_expiry` hook: a new identity for a socket, or the socket's end.

use std::sync::Arc;

use tokio::time::timeout_at;

use crate::{
    hub::{Backlog, Identity, Principal, SocketErrorKind},
    middleware::{
        hooks::HookFuture, log::Kind, rejection::Rejection, source::Connection, state::State,
    },
    protocol::CloseReason,
    unwind::{Contained, Panicked},
};

/// Replaces a socket's identity with the hook's answer, or closes the socket if there is none.
pub(super) async fn renew(
    state: Arc<State>,
    connection: Arc<Connection>,
    principal: Principal,
    answer: HookFuture<Result<Identity, Rejection>>,
) {
    let (hub, entry) = (&state.hub, &connection.entry);
    let complain = |what: &'static str| {
        state.log.write(Kind::NotRenewed(what), |suppressed| {
            tracing::error!(suppressed, "{what}, so its socket is closed");
        });
        CloseReason::IDENTITY_EXPIRED
    };
    let answer = Contained::new(answer, || {
        complain("the on_expiry hook panicked");
    });
    let answer = match principal.expires() {
        Some(end) => timeout_at(end, answer).await,
        None => Ok(answer.await),
    };
    let reason = match answer {
        Ok(Ok(Ok(identity))) => match hub.renew(entry, &principal, identity) {
            Ok(()) => return,
            Err(error) if error.kind() == SocketErrorKind::NotConnected => return,
            Err(error) if error.kind() == SocketErrorKind::NameTooLong => complain(
                "the on_expiry hook named a user or group longer than Config::max_name_length allows",
            ),
            Err(_) => {
                complain("the on_expiry hook named more groups than Config::max_groups allows")
            }
        },
        Ok(Ok(Err(rejection))) => CloseReason::not_renewed(rejection.text()),
        Ok(Err(Panicked)) => CloseReason::IDENTITY_EXPIRED,
        Err(_elapsed) => complain("the on_expiry hook had no answer when an identity expired"),
    };
    hub.expire(entry, &principal, reason, Backlog::Deliver);
}
