//! What becomes of a socket's message: by the layer's options it goes to the inner service, to a
//! handler, or straight to the sockets.

mod answer;
mod application;
mod failure;
mod guard;
mod inner;
mod quiet;
mod relay;
mod renewal;

use std::{future::Future, sync::Arc};

use serde::Serialize;

pub(super) use self::{
    answer::orders,
    application::{Application, InnerService},
    failure::{Failure, of_handler},
    guard::{Ask, guarded},
    inner::{check_reached, dispatched},
};
use super::{
    event::SocketEvent,
    handshake::Handshake,
    hooks::Fallback,
    rejection::Rejection,
    request::ClientAddr,
    sender::Sender,
    shared::Shared,
    socket::Socket,
    source::{Connection, Source},
};
use crate::{
    hub::{Backlog, Frame, Lane, Principal, Push, SocketEntry, User},
    protocol::{ErrorFrame, MessageError, PING_ACTION, RawMessage, RejectionKind, SocketMessage},
    session::{Ending, HandlerFuture, MessageHandler, Taken},
};

/// One socket's way into the application.
pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    application: Option<Arc<dyn Application>>,
}

impl Dispatcher {
    pub(super) fn new(
        shared: Arc<Shared>,
        connection: Arc<Connection>,
        application: Option<Arc<dyn Application>>,
    ) -> Self {
        Self {
            shared,
            connection,
            application,
        }
    }

    /// Asks the application whether the socket may open.
    pub(super) async fn connect(&self) -> Result<(), Rejection> {
        let socket = || self.event(SocketEvent::Connect, |message| message);
        // The client waits for the answer, and can come again.
        let ask = || Ask {
            sender: None,
            ..self.ask(Lane::Messages, 0)
        };
        if let Some(connect) = &self.shared.hooks.connect {
            let outcome = guarded(&self.shared, ask(), connect(socket())).await;
            return outcome
                .map_err(Failure::into_rejection)?
                .map_err(|rejection| rejection.of_kind(RejectionKind::ApplicationRefused));
        }
        match &self.application {
            Some(application) if self.shared.config.lifecycle_events => {
                let work = inner::connect(&self.shared, application.clone(), socket());
                guarded(&self.shared, ask(), work)
                    .await
                    .map_err(Failure::into_rejection)?
            }
            _ => Ok(()),
        }
    }

    /// With what work for this socket waits for its turn.
    fn ask(&self, lane: Lane, bytes: usize) -> Ask {
        let Connection { peer, handshake } = &*self.connection;
        let client = handshake.as_ref().and_then(Handshake::client_addr);
        Ask {
            lane,
            key: self.shared.hub.key_of(peer, client.map(ClientAddr::ip)),
            bytes,
            sender: Some(peer.clone()),
        }
    }

    /// Runs the application's work on a message of so many bytes, and tells the sender if it fails.
    fn handle<F>(&self, bytes: usize, work: F) -> HandlerFuture
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let shared = self.shared.clone();
        let connection = self.connection.clone();
        let ask = self.ask(Lane::Messages, bytes);
        Box::pin(async move {
            let outcome = guarded(&shared, ask, work).await;
            if let Err(failure) | Ok(Err(failure)) = outcome {
                let close = failure.close_reason();
                report(&shared, &connection, &failure.into_frame());
                if let Some(reason) = close {
                    let peer = &connection.peer;
                    shared.hub.close_entry(peer, reason, Backlog::Deliver);
                }
            }
        })
    }

    /// Leaves the work on a message undone if its sender's identity ends before its turn comes.
    fn in_time<F>(&self, work: F) -> impl Future<Output = Result<(), Failure>> + Send + use<F>
    where
        F: Future<Output = Result<(), Failure>> + Send,
    {
        let peer = self.connection.peer.clone();
        async move {
            if is_too_late(&peer) {
                return Ok(());
            }
            work.await
        }
    }

    fn socket(&self, event: SocketEvent, user: User, message: SocketMessage) -> Socket {
        let hub = self.shared.hub.clone();
        let source = Source::Socket(self.connection.clone());
        Socket::new(hub, source, user, event, message)
    }

    /// News of the socket itself, with what there is to tell of it.
    fn event(
        &self,
        event: SocketEvent,
        tell: impl FnOnce(SocketMessage) -> SocketMessage,
    ) -> Socket {
        let (principal, groups) = self.shared.hub.membership_of(&self.connection.peer);
        let message = SocketMessage::new(event.as_str())
            .from_user(principal.user.id().clone())
            .from_group(groups.into_iter().next().unwrap_or_default());
        self.socket(event, principal.user, tell(message))
    }
}

impl MessageHandler for Dispatcher {
    fn takes_binary(&self) -> bool {
        self.shared.hooks.raw.is_some()
    }

    fn opened(&mut self) -> Option<HandlerFuture> {
        let open = self.shared.hooks.open.as_ref()?;
        let outcome = open(self.event(SocketEvent::Open, |message| message));
        let work = of_handler(self.shared.clone(), outcome);
        Some(quiet::handle(
            self.shared.clone(),
            "the news that a socket opened",
            self.ask(Lane::Events, 0),
            work,
        ))
    }

    fn is_ping(&self, message: &RawMessage) -> bool {
        let shared = &self.shared;
        let bytes = message.as_bytes();
        let ping = PING_ACTION.as_bytes();
        let may_be =
            || bytes.len() <= MAX_PING && bytes.windows(ping.len()).any(|part| part == ping);
        shared.hooks.raw.is_none() && may_be() && is_ping(&read(shared, message))
    }

    fn message(&mut self, message: RawMessage) -> Taken {
        let shared = &self.shared;
        shared.hub.counters().message_in();
        let bytes = message.as_bytes().len();
        let peer = &self.connection.peer;
        if is_too_late(peer) {
            return Taken::Done;
        }
        if let Some(handler) = &shared.hooks.raw {
            let socket = self.socket(SocketEvent::Message, peer.user(), SocketMessage::default());
            let outcome = of_handler(shared.clone(), handler((socket, message)));
            let work = self.in_time(outcome);
            let ask = self.ask(Lane::Messages, bytes);
            return Taken::Begun(quiet::handle(shared.clone(), "a raw message", ask, work));
        }
        let read = read(shared, &message);
        if is_ping(&read) {
            return Taken::Ping;
        }
        let mut message = match read {
            Ok(message) => message,
            Err(error) => {
                report(shared, &self.connection, &ErrorFrame::from(&error));
                return Taken::Done;
            }
        };
        let sender = Sender::of(&shared.hub, peer);
        sender.attest(&mut message);

        let action = shared.hooks.actions.get(message.action.as_str());
        let handler = match (action, &shared.hooks.otherwise) {
            (Some(handler), _) | (None, Fallback::Handler(handler)) => handler,
            (None, Fallback::Relay) => {
                if let Err(failure) = relay::relay(shared, &sender, &message) {
                    report(shared, &self.connection, &failure.into_frame());
                }
                return Taken::Done;
            }
            (None, Fallback::InnerService) => {
                let Some(application) = self.application.clone() else {
                    return Taken::Done;
                };
                let socket = self.socket(SocketEvent::Message, sender.into_user(), message);
                let work = inner::message(shared.clone(), application, socket);
                return Taken::Begun(self.handle(bytes, self.in_time(work)));
            }
        };
        let outcome = handler(self.socket(SocketEvent::Message, sender.into_user(), message));
        let work = of_handler(shared.clone(), outcome);
        Taken::Begun(self.handle(bytes, self.in_time(work)))
    }

    fn expiring(&mut self, principal: &Principal) -> Option<HandlerFuture> {
        let hook = self.shared.hooks.expiry.as_ref()?;
        let answer = hook(self.event(SocketEvent::Expiry, |message| message));
        let (shared, connection) = (self.shared.clone(), self.connection.clone());
        let principal = principal.clone();
        Some(Box::pin(renewal::renew(
            shared, connection, principal, answer,
        )))
    }

    fn disconnected(&mut self, end: Ending) -> Option<HandlerFuture> {
        #[derive(Serialize)]
        struct End<'a> {
            code: u16,
            reason: &'a str,
            undelivered: u64,
        }
        let end = End {
            code: end.reason.code(),
            reason: end.reason.reason(),
            undelivered: end.undelivered,
        };
        let socket = || {
            self.event(SocketEvent::Disconnect, |message| {
                message.clone().json(&end).unwrap_or(message)
            })
        };
        let shared = &self.shared;
        let what = "the news that a socket ended";
        let ask = self.ask(Lane::Events, 0);
        if let Some(disconnect) = &shared.hooks.disconnect {
            let work = of_handler(shared.clone(), disconnect(socket()));
            return Some(quiet::handle(shared.clone(), what, ask, work));
        }
        let application = self.application.as_ref()?;
        shared.config.lifecycle_events.then(|| {
            let work = inner::message(shared.clone(), application.clone(), socket());
            quiet::handle(shared.clone(), what, ask, work)
        })
    }
}

fn read(shared: &Shared, message: &RawMessage) -> Result<SocketMessage, MessageError> {
    SocketMessage::read(message.as_bytes(), shared.config.max_recipients)
}

fn is_ping(read: &Result<SocketMessage, MessageError>) -> bool {
    read.as_ref().is_err_and(MessageError::is_ping)
}

fn is_too_late(peer: &SocketEntry) -> bool {
    let is_expired = peer.is_expired();
    if is_expired {
        tracing::debug!("a message's turn came when its sender's identity had expired");
    }
    is_expired
}

/// Sends an error frame to the socket whose message it is about.
fn report(shared: &Shared, connection: &Connection, error: &ErrorFrame) {
    let frame = Frame::text(&error.encode());
    if shared.hub.push(&connection.peer, &frame) != Push::Queued {
        tracing::debug!(
            code = error.code.as_str(),
            "an error frame found its socket closing"
        );
    }
}

/// From so many bytes on a ping has to wait for its turn as any message does.
const MAX_PING: usize = 256;
