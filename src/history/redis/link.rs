//! An open link: what is sent over it, and whether the server is still the one that it was opened to.

use std::{sync::Arc, time::Duration};

use redis::{Pipeline, ServerError, ServerErrorKind, Value, aio::MultiplexedConnection};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::scripts::Hashes;
use crate::{backplane::redis::RedisDriver, history::remote::Driver};

/// A connection to one server.
#[derive(Clone)]
pub(super) struct RedisLink {
    connection: MultiplexedConnection,
    /// The life of the server's data, or a constant for a server whose restarts are trusted.
    pub(super) generation: Arc<str>,
    pub(super) hashes: Arc<Hashes>,
    has_changed: Arc<Notify>,
}

impl RedisLink {
    pub(super) fn new(
        connection: MultiplexedConnection,
        generation: Arc<str>,
        hashes: Hashes,
    ) -> Self {
        Self {
            connection,
            generation,
            hashes: Arc::new(hashes),
            has_changed: Arc::default(),
        }
    }

    /// Executes commands, and returns the answer of each, which may be an error.
    pub(super) async fn ask(&self, commands: &Pipeline) -> Result<Vec<Value>, String> {
        ask(&self.connection, commands).await
    }

    /// Compares the server with the one that the link was opened to. If it is another one, the link is
    /// over.
    pub(super) fn check(&self, replication: Option<&Value>) -> Result<(), String> {
        let found = Replication::of(replication)?;
        if found.is_primary && (&*self.generation == TRUSTED || found.id == *self.generation) {
            return Ok(());
        }
        self.has_changed.notify_one();
        Err(CHANGED.to_owned())
    }

    /// Reads and writes the connection, and looks after the server.
    pub(super) fn driver(&self, driver: RedisDriver) -> Driver {
        let link = self.clone();
        Box::pin(async move {
            tokio::select! {
                () = driver => "the connection was closed".to_owned(),
                why = link.watch() => why,
            }
        })
    }

    async fn watch(&self) -> String {
        let mut question = Pipeline::new();
        question.cmd("INFO").arg("replication");
        loop {
            tokio::select! {
                () = sleep(BETWEEN_CHECKS) => {}
                () = self.has_changed.notified() => return CHANGED.to_owned(),
            }
            let checked = async { self.check(self.ask(&question).await?.first()) };
            match timeout(SILENCE, checked).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => return why,
                Err(_elapsed) => return "the server does not answer".to_owned(),
            }
        }
    }
}

/// Executes commands, and returns the answer of each, which may be an error.
pub(super) async fn ask(
    connection: &MultiplexedConnection,
    commands: &Pipeline,
) -> Result<Vec<Value>, String> {
    let mut connection = connection.clone();
    let count = commands.len();
    let answers = connection.send_packed_commands(commands, 0, count).await;
    answers.map_err(|error| format!("the connection broke: {error}"))
}

/// What a server says of its part in a replication.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replication {
    pub(super) is_primary: bool,
    /// Random, and another one after each restart and each time that a replica becomes the primary.
    pub(super) id: String,
}

impl Replication {
    pub(super) fn of(answer: Option<&Value>) -> Result<Self, String> {
        let text = match answer {
            Some(Value::BulkString(text)) => String::from_utf8_lossy(text).into_owned(),
            Some(Value::VerbatimString { text, .. }) => text.clone(),
            Some(Value::ServerError(error)) => return Err(refused(error)),
            _ => String::new(),
        };
        let field = |name: &str| {
            let mut fields = text.lines().filter_map(|line| line.split_once(':'));
            let field = fields.find(|(field, _)| *field == name);
            field.map(|(_, value)| value.trim().to_owned())
        };
        Ok(Self {
            is_primary: field("role").as_deref() == Some("master"),
            id: field("master_replid").unwrap_or_default(),
        })
    }
}

/// What becomes of a command that the server did not execute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It lacks the script.
    NoScript,
    /// It is not, or not any more, the server of these keys.
    Elsewhere,
    /// It would refuse it again, or until a slot has moved: what is on its way to another server is
    /// refused, and what is still here is not.
    Final,
}

impl Refusal {
    pub(super) fn of(error: &ServerError) -> Self {
        match error.kind() {
            Some(ServerErrorKind::NoScript) => Self::NoScript,
            Some(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::Moved
                | ServerErrorKind::ReadOnly,
            ) => Self::Elsewhere,
            // Redis 6 puts it into the error of the script.
            _ if error
                .details()
                .is_some_and(|text| text.contains("READONLY")) =>
            {
                Self::Elsewhere
            }
            _ => Self::Final,
        }
    }
}

/// Says why a link cannot be used.
pub(super) fn refused(error: &ServerError) -> String {
    match error.code() {
        "NOAUTH" => format!("did not accept the user and password of its URL: {error}"),
        _ => format!("refused a command: {error}"),
    }
}

/// The generation of a server whose restarts are trusted.
pub(super) const TRUSTED: &str = "trusted";

const CHANGED: &str = "the server has started again or is not the primary any more";

const BETWEEN_CHECKS: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_whether_it_is_the_primary_and_since_when() {
        let text = "# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:ab12\r\n";
        let answer = Value::BulkString(text.into());
        let primary = Replication {
            is_primary: true,
            id: "ab12".to_owned(),
        };
        assert_eq!(Replication::of(Some(&answer)), Ok(primary));
        let replica = Value::BulkString(b"role:slave\r\nmaster_replid:ab12\r\n".into());
        assert!(!Replication::of(Some(&replica)).unwrap().is_primary);
        assert!(!Replication::of(None).unwrap().is_primary);
    }
}
