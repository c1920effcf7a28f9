//! One socket's way into the application: which hook, or the inner service, gets what.

use std::{future::Future, sync::Arc};

use serde::Serialize;
use tokio::sync::oneshot;

use super::{
    Application,
    error::{DispatchError, run_handler},
    http,
    limits::{Job, run},
    outcome::{Report, send_error, settle},
    relay::relay,
    renewal,
};
use crate::{
    hub::{Key, Lane, Principal, SocketEntry, User},
    middleware::{
        handshake::Handshake,
        hooks::Destination,
        rejection::Rejection,
        remote::{Line, NotOpened},
        request::ClientAddr,
        sender::Sender,
        socket::{Socket, SocketEvent},
        source::{Connection, Source},
        state::State,
    },
    protocol::{ErrorFrame, MessageError, PING_ACTION, RawMessage, RejectionKind, SocketMessage},
    session::{Ending, HandlerFuture, MessageHandler, Taken},
};

/// Dispatches the messages and events of one socket.
pub(in crate::middleware) struct Dispatcher {
    state: Arc<State>,
    connection: Arc<Connection>,
    application: Option<Arc<dyn Application>>,
    /// The way to an application that is a server of its own.
    line: Option<Arc<dyn Line>>,
}

impl Dispatcher {
    pub(in crate::middleware) fn new(
        state: Arc<State>,
        connection: Arc<Connection>,
        application: Option<Arc<dyn Application>>,
    ) -> Self {
        let upstream = state.hooks.upstream.as_ref();
        Self {
            line: upstream.map(|upstream| upstream.line(connection.clone())),
            state,
            connection,
            application,
        }
    }

    /// Returns whether the application of another process is asked whether the socket may open.
    pub(in crate::middleware) fn asks_elsewhere(&self) -> bool {
        let state = &self.state;
        state.hooks.connect.is_none() && self.line.is_some() && state.config.lifecycle_events
    }

    /// Asks the application whether the socket may open.
    pub(in crate::middleware) async fn connect(&self) -> Result<(), NotOpened> {
        let state = &self.state;
        let socket = || self.event(SocketEvent::Connect, |message| message);
        // The client waits for the response, and can connect again.
        let job = || Job {
            sender: None,
            ..self.job(Lane::Messages, 0)
        };
        let outcome = if let Some(connect) = &state.hooks.connect {
            let answer = connect(socket());
            let refused =
                |rejection: Rejection| rejection.with_kind(RejectionKind::ApplicationRefused);
            run(
                state,
                job(),
                async move { Ok(answer.await.map_err(refused)) },
            )
            .await
        } else if let (Some(line), true) = (&self.line, state.config.lifecycle_events) {
            return line.clone().connect(self.key(), socket()).await;
        } else if let (Some(application), true) = (&self.application, state.config.lifecycle_events)
        {
            let work = http::connect(state, application.clone(), socket());
            run(state, job(), Box::pin(work)).await
        } else {
            return Ok(());
        };
        Ok(outcome.map_err(DispatchError::into_rejection)??)
    }

    /// Describes a piece of this socket's work.
    fn job(&self, lane: Lane, bytes: usize) -> Job {
        Job {
            lane,
            key: self.key(),
            bytes,
            sender: Some(self.connection.entry.clone()),
        }
    }

    /// Returns the key of the queue in which this socket's work waits.
    fn key(&self) -> Key {
        let Connection { entry, handshake } = &*self.connection;
        let client = handshake.as_ref().and_then(Handshake::client_addr);
        self.state.hub.key_of(entry, client.map(ClientAddr::ip))
    }

    /// Runs the application's work on a message of so many bytes, unless the sender's identity has
    /// expired when its turn comes.
    fn run_message<F>(&self, bytes: usize, report: Report, work: F) -> HandlerFuture
    where
        F: Future<Output = Result<(), DispatchError>> + Send + 'static,
    {
        let entry = self.connection.entry.clone();
        // Boxed, because each future around it would hold it twice: with those of 1 KiB instead of
        // 7 KiB a message costs a tenth less.
        let work = Box::pin(work);
        self.run(self.job(Lane::Messages, bytes), report, async move {
            if is_expired(&entry) {
                return Ok(());
            }
            work.await
        })
    }

    /// Runs the application's work on an event of the socket.
    fn run_event<F>(&self, what: &'static str, work: F) -> HandlerFuture
    where
        F: Future<Output = Result<(), DispatchError>> + Send + 'static,
    {
        let work = Box::pin(work);
        self.run(self.job(Lane::Events, 0), Report::Log(what), work)
    }

    fn run<F>(&self, job: Job, report: Report, work: F) -> HandlerFuture
    where
        F: Future<Output = Result<(), DispatchError>> + Send + 'static,
    {
        let (state, connection) = (self.state.clone(), self.connection.clone());
        Box::pin(async move {
            if let Err(error) = run(&state, job, work).await {
                settle(&state, &connection, report, error);
            }
        })
    }

    fn socket(&self, event: SocketEvent, user: User, message: SocketMessage) -> Socket {
        let hub = self.state.hub.clone();
        let source = Source::Socket(self.connection.clone());
        Socket::new(hub, source, user, event, message)
    }

    /// Makes the socket for an event, with the message that `describe` completes.
    fn event(
        &self,
        event: SocketEvent,
        describe: impl FnOnce(SocketMessage) -> SocketMessage,
    ) -> Socket {
        let (principal, groups) = self.state.hub.membership_of(&self.connection.entry);
        let mut message = SocketMessage::new(event.as_str()).from_user(principal.user.id().clone());
        if let Some(group) = groups.into_iter().next() {
            message = message.from_group(group);
        }
        self.socket(event, principal.user, describe(message))
    }
}

impl MessageHandler for Dispatcher {
    fn takes_binary(&self) -> bool {
        self.state.hooks.raw.is_some()
    }

    fn opened(&mut self) -> Option<HandlerFuture> {
        let open = self.state.hooks.open.as_ref()?;
        let outcome = open(self.event(SocketEvent::Open, |message| message));
        let work = run_handler(self.state.clone(), outcome);
        Some(self.run_event("the news that a socket opened", work))
    }

    fn is_ping(&self, message: &RawMessage) -> bool {
        let state = &self.state;
        let bytes = message.as_bytes();
        let ping = PING_ACTION.as_bytes();
        let may_be =
            || bytes.len() <= MAX_PING && bytes.windows(ping.len()).any(|part| part == ping);
        state.hooks.raw.is_none() && may_be() && is_ping(&read(state, message))
    }

    fn message(&mut self, raw: RawMessage) -> Taken {
        let state = &self.state;
        state.hub.counters().message_in();
        let bytes = raw.as_bytes().len();
        let entry = &self.connection.entry;
        if is_expired(entry) {
            return Taken::Done;
        }
        if let Some(handler) = &state.hooks.raw {
            let socket = self.socket(SocketEvent::Message, entry.user(), SocketMessage::default());
            let work = run_handler(state.clone(), handler((socket, raw)));
            // An error frame of ours would mean nothing in the application's own protocol.
            let report = Report::Log("a raw message");
            return Taken::Begun(self.run_message(bytes, report, work));
        }
        let written = SocketMessage::read_written(raw.as_bytes(), state.config.max_recipients);
        let is_written = written.is_some();
        let read = written.map_or_else(|| read(state, &raw), Ok);
        if is_ping(&read) {
            return Taken::Ping;
        }
        let mut message = match read {
            Ok(message) => message,
            Err(error) => {
                send_error(state, &self.connection, &ErrorFrame::from(&error));
                return Taken::Done;
            }
        };
        let sender = Sender::look_up(&state.hub, entry);
        let names_group = self.line.is_some() && sender.is_in(&message.group_id);
        let is_changed = sender.attest(&mut message);

        Taken::Begun(match state.hooks.destination(&message.action) {
            Destination::Relay => {
                if let Err(error) = relay(state, &sender, &message) {
                    send_error(state, &self.connection, &error.into_frame());
                }
                return Taken::Done;
            }
            Destination::Handler(handler) => {
                let socket = self.socket(SocketEvent::Message, sender.into_user(), message);
                let work = run_handler(state.clone(), handler(socket));
                self.run_message(bytes, Report::Sender, work)
            }
            Destination::InnerService => {
                if let Some(line) = self.line.clone() {
                    let socket = self.socket(SocketEvent::Message, sender.into_user(), message);
                    return Taken::Begun(line.message(self.key(), socket, bytes, names_group));
                }
                let Some(application) = self.application.clone() else {
                    return Taken::Done;
                };
                let socket = self.socket(SocketEvent::Message, sender.into_user(), message);
                // Most clients write as we do: then the application gets the client's own bytes.
                let json = (is_written && !is_changed).then(|| raw.into_bytes());
                let work = http::message(state.clone(), application, socket, json);
                self.run_message(bytes, Report::Sender, work)
            }
        })
    }

    fn expiring(&mut self, principal: &Principal) -> Option<HandlerFuture> {
        let hook = self.state.hooks.expiry.as_ref()?;
        let answer = hook(self.event(SocketEvent::Expiry, |message| message));
        let (state, connection) = (self.state.clone(), self.connection.clone());
        let principal = principal.clone();
        Some(Box::pin(renewal::renew(
            state, connection, principal, answer,
        )))
    }

    fn disconnected(&mut self, end: Ending, late: oneshot::Sender<()>) -> Option<HandlerFuture> {
        let state = &self.state;
        let socket = || {
            self.event(SocketEvent::Disconnect, |message| {
                let end = End {
                    code: end.reason.code(),
                    reason: end.reason.reason(),
                    undelivered: end.undelivered,
                };
                message.json(&end).expect("numbers and text are JSON")
            })
        };
        let what = "the news that a socket ended";
        if let Some(disconnect) = &state.hooks.disconnect {
            let work = run_handler(state.clone(), disconnect(socket()));
            return Some(self.run_event(what, work));
        }
        if let (Some(line), true) = (&self.line, state.config.lifecycle_events) {
            return Some(line.clone().disconnect(self.key(), socket(), late));
        }
        let application = self.application.as_ref()?;
        state.config.lifecycle_events.then(|| {
            let work = http::message(state.clone(), application.clone(), socket(), None);
            self.run_event(what, work)
        })
    }
}

/// The text of a disconnect event.
#[derive(Serialize)]
struct End<'a> {
    code: u16,
    reason: &'a str,
    undelivered: u64,
}

fn read(state: &State, message: &RawMessage) -> Result<SocketMessage, MessageError> {
    SocketMessage::read_generally(message.as_bytes(), state.config.max_recipients)
}

fn is_ping(read: &Result<SocketMessage, MessageError>) -> bool {
    read.as_ref().is_err_and(MessageError::is_ping)
}

/// Returns whether a message's sender has no identity any more, so that it is left undone.
fn is_expired(entry: &SocketEntry) -> bool {
    let is_expired = entry.is_expired();
    if is_expired {
        tracing::debug!("a message was dropped because its sender's identity had expired");
    }
    is_expired
}

/// In bytes. A longer ping waits for its turn as any message does.
const MAX_PING: usize = 256;
