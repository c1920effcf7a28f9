//! The two halves of a connection to Redis.

use std::sync::Arc;

use redis::{Pipeline, Value, aio::MultiplexedConnection};

use crate::backplane::{
    command::{Arrival, Command},
    error::BackplaneError,
    link::{BoxFuture, Inlet, Outlet},
    prefix::Prefix,
    remote::{Address, Inbox},
};

/// The half that sends. Dropping it ends the connection.
pub(super) struct RedisOutlet {
    connection: MultiplexedConnection,
    address: Address,
    inbox: Arc<Inbox>,
    prefix: Prefix,
}

impl RedisOutlet {
    pub(super) fn new(
        connection: MultiplexedConnection,
        address: &Address,
        inbox: Arc<Inbox>,
        prefix: Prefix,
    ) -> Self {
        Self {
            connection,
            address: address.clone(),
            inbox,
            prefix,
        }
    }

    async fn execute(&mut self, commands: &[Command]) -> Result<(), BackplaneError> {
        if let Some(reason) = self.inbox.reason() {
            return Err(BackplaneError::not_sent(&*reason));
        }
        if commands.is_empty() {
            return Ok(());
        }
        let pipeline = pipeline(commands, &self.prefix);
        let count = commands.len();
        let answers = tokio::select! {
            answers = self.connection.send_packed_commands(&pipeline, 0, count) => answers,
            reason = self.inbox.over() => return Err(BackplaneError::unconfirmed(&*reason)),
        };
        let answers = answers.map_err(BackplaneError::unconfirmed)?;
        check(&self.address, &answers)
    }
}

impl Outlet for RedisOutlet {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        Box::pin(async move {
            let result = self.execute(&commands).await;
            if let Err(error) = &result {
                self.inbox.end(&error.to_string());
            }
            result
        })
    }
}

impl Drop for RedisOutlet {
    fn drop(&mut self) {
        self.inbox.end(DROPPED);
    }
}

/// The half that receives. Dropping it ends the connection.
pub(super) struct RedisInlet(Arc<Inbox>);

impl RedisInlet {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self(inbox)
    }
}

impl Inlet for RedisInlet {
    fn receive(&mut self) -> BoxFuture<'_, Option<Arrival>> {
        Box::pin(self.0.receive())
    }
}

impl Drop for RedisInlet {
    fn drop(&mut self) {
        self.0.end(DROPPED);
    }
}

fn pipeline(commands: &[Command], prefix: &Prefix) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for command in commands {
        // One channel for each command, so that each has one answer.
        match command {
            Command::Subscribe(topic) => pipeline.cmd("SUBSCRIBE").arg(&*prefix.channel(*topic)),
            Command::Unsubscribe(topic) => {
                pipeline.cmd("UNSUBSCRIBE").arg(&*prefix.channel(*topic))
            }
            Command::Publish(topic, payload) => pipeline
                .cmd("PUBLISH")
                .arg(&*prefix.channel(*topic))
                .arg(&payload[..]),
        };
    }
    pipeline
}

fn check(address: &Address, answers: &[Value]) -> Result<(), BackplaneError> {
    let refusals = answers.iter().filter_map(|answer| match answer {
        Value::ServerError(error) => Some(error),
        _ => None,
    });
    let Some(first) = refusals.clone().next() else {
        return Ok(());
    };
    let text = format!("{address} refused a command: {first}");
    if refusals.count() == answers.len() {
        Err(BackplaneError::not_sent(text))
    } else {
        Err(BackplaneError::unconfirmed(text))
    }
}

const DROPPED: &str = "the link was dropped";
