//! The two halves of a connection to NATS.

use std::sync::Arc;

use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;

use super::session::Session;
use crate::backplane::{
    command::{Arrival, Command},
    error::BackplaneError,
    link::{BoxFuture, Inlet, Outlet},
    prefix::Prefix,
    topic::Topic,
};

/// The half that sends. Dropping it ends the connection.
pub(super) struct NatsOutlet {
    session: Arc<Session>,
    prefix: Prefix,
}

impl NatsOutlet {
    pub(super) fn new(session: Arc<Session>, prefix: Prefix) -> Self {
        Self { session, prefix }
    }

    async fn execute(&self, client: &Client, commands: Vec<Command>) -> Result<(), BackplaneError> {
        for command in commands {
            match command {
                Command::Subscribe(topic) => self.subscribe(client, topic).await?,
                Command::Unsubscribe(topic) => self.session.unsubscribe(topic).await,
                Command::Publish(topic, payload) => {
                    let published = client.publish(self.subject(topic), payload).await;
                    published.map_err(BackplaneError::unconfirmed)?;
                }
            }
        }
        // The client has written everything, or handed it to the kernel, once this is answered.
        client.flush().await.map_err(BackplaneError::unconfirmed)
    }

    async fn subscribe(&self, client: &Client, topic: Topic) -> Result<(), BackplaneError> {
        if self.session.is_subscribed(topic) {
            return Ok(());
        }
        let subscriber = client.subscribe(self.subject(topic)).await;
        let subscriber = subscriber.map_err(BackplaneError::unconfirmed)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the task of a subscription ends with it, or with its link"
        )]
        let task = tokio::spawn(take_in(self.session.clone(), topic, subscriber));
        self.session.subscribe(topic, task);
        Ok(())
    }

    fn subject(&self, topic: Topic) -> String {
        self.prefix.channel(topic).replace('/', ".")
    }
}

impl Outlet for NatsOutlet {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        Box::pin(async move {
            let client = self.session.client().map_err(BackplaneError::not_sent)?;
            let result = tokio::select! {
                result = self.execute(&client, commands) => result,
                reason = self.session.inbox.over() => Err(BackplaneError::unconfirmed(&*reason)),
            };
            if let Err(error) = &result {
                self.session.end(&error.to_string());
            }
            result
        })
    }
}

impl Drop for NatsOutlet {
    fn drop(&mut self) {
        self.session.end(DROPPED);
    }
}

/// The half that receives. Dropping it ends the connection.
pub(super) struct NatsInlet(Arc<Session>);

impl NatsInlet {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self(session)
    }
}

impl Inlet for NatsInlet {
    fn receive(&mut self) -> BoxFuture<'_, Option<Arrival>> {
        Box::pin(self.0.inbox.receive())
    }
}

impl Drop for NatsInlet {
    fn drop(&mut self) {
        self.0.end(DROPPED);
    }
}

/// Moves what arrives on a topic to the inbox.
async fn take_in(session: Arc<Session>, topic: Topic, mut subscriber: Subscriber) {
    while let Some(message) = subscriber.next().await {
        // A copy, since what was received shares the memory of a read buffer.
        let payload = Bytes::copy_from_slice(&message.payload);
        session.inbox.push(Arrival::new(topic, payload));
    }
}

const DROPPED: &str = "the link was dropped";
