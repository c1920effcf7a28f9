//! Requests to JetStream's API, in JSON, each on a subject of its own.

use std::time::Duration;

use async_nats::{Client, Message, RequestErrorKind};
use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::message::{Found, RawMessage};
use crate::history::retention::Retention;

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The link is of no use.
    Link(String),
    /// The server refused.
    Refused { code: u64, text: String },
}

impl Failure {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Link(why) => why,
            Self::Refused { text, .. } => format!("refused: {text}"),
        }
    }

    pub(super) fn is(&self, number: u64) -> bool {
        matches!(self, Self::Refused { code, .. } if *code == number)
    }
}

pub(super) const NO_STREAM: u64 = 10_059;
pub(super) const NO_MESSAGE: u64 = 10_037;
pub(super) const NAME_IN_USE: u64 = 10_058;
pub(super) const ANOTHER_LAST: u64 = 10_071;

/// What a stream is like.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) config: Value,
    pub(super) state: StreamState,
}

/// What a stream holds.
#[derive(Debug, Deserialize)]
pub(super) struct StreamState {
    #[serde(rename = "last_seq")]
    pub(super) last: u64,
}

/// The API of one stream.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) client: Client,
    pub(super) stream: String,
}

impl Api {
    /// Returns what the stream is like, or `None` if there is no stream.
    pub(super) async fn info(&self) -> Result<Option<Info>, Failure> {
        match self.ask::<Info>("STREAM.INFO", &json!({})).await {
            Ok(info) => Ok(Some(info)),
            Err(failure) if failure.is(NO_STREAM) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(super) async fn create(&self, config: &Value) -> Result<(), Failure> {
        self.ask::<Value>("STREAM.CREATE", config).await.map(drop)
    }

    pub(super) async fn update(&self, config: &Value) -> Result<(), Failure> {
        self.ask::<Value>("STREAM.UPDATE", config).await.map(drop)
    }

    /// Returns the newest message of a subject. The leader answers, which has all that is stored.
    pub(super) async fn last(&self, subject: &str) -> Result<Option<Found>, Failure> {
        self.message(&json!({ "last_by_subj": subject }), subject)
            .await
    }

    /// Returns the message at a place, if there is one and it is of the subject.
    pub(super) async fn at(&self, sequence: u64, subject: &str) -> Result<Option<Found>, Failure> {
        self.message(&json!({ "seq": sequence }), subject).await
    }

    async fn message(&self, which: &Value, subject: &str) -> Result<Option<Found>, Failure> {
        #[derive(Deserialize)]
        struct Got {
            message: RawMessage,
        }
        match self.ask::<Got>("STREAM.MSG.GET", which).await {
            Ok(Got { message }) if message.subject == subject => Ok(message.found()),
            Ok(_) => Ok(None),
            Err(failure) if failure.is(NO_MESSAGE) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Makes a consumer of a subject's messages from a place on, or of all. Returns its name and how
    /// many messages there are. The server forgets it by itself.
    pub(super) async fn consumer(
        &self,
        subject: &str,
        from: Option<u64>,
    ) -> Result<(String, usize), Failure> {
        #[derive(Deserialize)]
        struct Consumer {
            name: String,
            num_pending: usize,
        }
        let mut config = json!({
            "ack_policy": "none",
            "deliver_policy": "all",
            "filter_subject": subject,
            "inactive_threshold": nanoseconds(FORGOTTEN_AFTER),
            "max_deliver": -1,
            "mem_storage": true,
            "num_replicas": 1,
            "replay_policy": "instant",
        });
        if let Some(from) = from {
            config["deliver_policy"] = "by_start_sequence".into();
            config["opt_start_seq"] = from.into();
        }
        let question = json!({ "stream_name": self.stream, "config": config });
        let consumer: Consumer = self.ask("CONSUMER.CREATE", &question).await?;
        Ok((consumer.name, consumer.num_pending))
    }

    /// Asks for the next messages of a consumer, which come to `inbox`.
    pub(super) async fn next(
        &self,
        consumer: &str,
        count: usize,
        inbox: &str,
    ) -> Result<(), Failure> {
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{consumer}", self.stream);
        let question = text(&json!({ "batch": count, "no_wait": true }));
        let inbox = inbox.to_owned();
        let sent = self.client.publish_with_reply(subject, inbox, question);
        sent.await.map_err(|error| Failure::Link(error.to_string()))
    }

    /// Has the server forget a consumer.
    pub(super) async fn forget(&self, consumer: &str) {
        let subject = format!("$JS.API.CONSUMER.DELETE.{}.{consumer}", self.stream);
        if let Err(error) = self.client.publish(subject, Bytes::new()).await {
            tracing::debug!(%error, "a consumer stays until the server forgets it");
        }
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, question: &Value) -> Result<T, Failure> {
        let subject = format!("$JS.API.{what}.{}", self.stream);
        let answer = self.client.request(subject, text(question)).await;
        let answer = answer.map_err(|error| {
            Failure::Link(match error.kind() {
                RequestErrorKind::NoResponders => {
                    "has no JetStream: start nats-server with --jetstream, and allow the user to \
                     publish to $JS.API.>"
                        .to_owned()
                }
                _ => format!("did not answer: {error}"),
            })
        })?;
        read(&answer)
    }
}

/// Reads an answer, which may be an error.
pub(super) fn read<T: DeserializeOwned>(answer: &Message) -> Result<T, Failure> {
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        err_code: u64,
        #[serde(default)]
        description: String,
    }
    #[derive(Deserialize)]
    struct Perhaps {
        error: Option<Error>,
    }
    let unreadable = |error| Failure::Refused {
        code: 0,
        text: format!("its answer cannot be read: {error}"),
    };
    let perhaps: Perhaps = serde_json::from_slice(&answer.payload).map_err(unreadable)?;
    if let Some(error) = perhaps.error {
        return Err(Failure::Refused {
            code: error.err_code,
            text: error.description,
        });
    }
    serde_json::from_slice(&answer.payload).map_err(unreadable)
}

/// What a stream keeps of each subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    messages: u64,
    nanoseconds: u64,
}

impl Limits {
    pub(super) fn of(keep: Retention) -> Self {
        Self {
            // One more, which tells that nothing is missing behind it.
            messages: (keep.messages as u64).saturating_add(1).min(MOST),
            nanoseconds: nanoseconds(keep.lifetime().max(SHORTEST)),
        }
    }

    pub(super) fn of_config(config: &Value) -> Self {
        let limit = |name: &str| config[name].as_u64().filter(|limit| *limit > 0);
        Self {
            messages: limit("max_msgs_per_subject").unwrap_or(u64::MAX),
            nanoseconds: limit("max_age").unwrap_or(u64::MAX),
        }
    }

    /// Puts them into a configuration, and for how long the server knows what was sent again.
    pub(super) fn write(self, config: &mut Value) {
        config["max_msgs_per_subject"] = unlimited(self.messages, -1);
        config["max_age"] = unlimited(self.nanoseconds, 0);
        let window = self.nanoseconds.min(nanoseconds(DUPLICATE_WINDOW));
        let window = config["duplicate_window"]
            .as_u64()
            .unwrap_or_default()
            .max(window);
        config["duplicate_window"] = window.into();
    }

    pub(super) fn max(self, other: Self) -> Self {
        Self {
            messages: self.messages.max(other.messages),
            nanoseconds: self.nanoseconds.max(other.nanoseconds),
        }
    }

    pub(super) fn covers(self, other: Self) -> bool {
        self.max(other) == self
    }
}

fn unlimited(limit: u64, none: i64) -> Value {
    match limit {
        u64::MAX => none.into(),
        limit => limit.into(),
    }
}

fn text(question: &Value) -> Bytes {
    question.to_string().into()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// An entry may be sent again for 2 s, and is to be known then; a shorter age is applied when it is read.
const SHORTEST: Duration = Duration::from_secs(10);
const MOST: u64 = 1 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_largest_rule() {
        let keep = |messages, age| Limits::of(Retention::new(messages, Duration::from_secs(age)));
        let (many, long) = (keep(100, 10), keep(5, 300));
        let mut config = json!({ "name": "shop-history" });
        many.max(long).write(&mut config);
        assert_eq!(
            config,
            json!({
                "name": "shop-history",
                "max_msgs_per_subject": 101,
                "max_age": 600_000_000_000_u64,
                "duplicate_window": 120_000_000_000_u64,
            })
        );
        let both = Limits::of_config(&config);
        assert!(both.covers(many) && both.covers(long));
        assert!(!many.covers(long) && !long.covers(many));
        let none = Limits::of_config(&json!({ "max_msgs_per_subject": -1, "max_age": 0 }));
        assert!(none.covers(both));
        none.write(&mut config);
        assert_eq!(
            (&config["max_msgs_per_subject"], &config["max_age"]),
            (&json!(-1), &json!(0))
        );
    }
}
