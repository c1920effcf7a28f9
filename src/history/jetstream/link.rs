//! An open link: entries on their way, the server's confirmations, and the stream's limits.

use std::{sync::Arc, time::Duration};

use async_nats::{HeaderMap, HeaderName, Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::{oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    api::{self, Api, Failure, Limits},
    heard::{Bridge, Heard, Spot},
    highest::Highest,
    message::{MESSAGE_ID, MessageId},
    pending::{Confirmed, Pending},
    place::{JetStreamServer, Names},
};
use crate::{
    backplane::remote::end::End,
    history::{append::Append, remote::Driver, retention::Retention, stream_key::StreamKey},
    sync::Mutex,
};

/// A connection to one server.
pub(super) struct JetStreamLink {
    pub(super) api: Api,
    pub(super) names: Names,
    pub(super) epoch: u64,
    pub(super) end: Arc<End>,
    birth: u64,
    publisher: u64,
    highest: Arc<Highest>,
    limits: Mutex<Limits>,
    pending: Mutex<Pending>,
    heard: watch::Sender<Heard>,
    /// How large a message may be with its headers.
    max_payload: usize,
    /// What the subjects of confirmations begin with.
    inbox: String,
}

/// The stream to which a link is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) birth: u64,
    pub(super) epoch: u64,
    pub(super) limits: Limits,
}

impl JetStreamLink {
    pub(super) fn new(api: Api, server: &JetStreamServer, end: Arc<End>, found: Found) -> Self {
        let inbox = api.client.new_inbox();
        let max_payload = api.client.server_info().max_payload;
        Self {
            api,
            names: server.names.clone(),
            epoch: found.epoch,
            end,
            birth: found.birth,
            publisher: server.publisher,
            highest: server.highest.clone(),
            limits: Mutex::new(found.limits),
            pending: Mutex::default(),
            heard: watch::Sender::default(),
            max_payload,
            inbox,
        }
    }

    /// Sends an entry.
    pub(super) async fn publish(
        &self,
        append: &Append,
        number: u64,
    ) -> Result<oneshot::Receiver<Confirmed>, String> {
        let id = MessageId {
            id: append.id,
            sender: Some((self.publisher, number)),
        };
        let mut headers = HeaderMap::new();
        headers.insert(MESSAGE_ID, id.to_text());
        let confirmed = self.pending.lock().add(number);
        if append.entry.len() + MAX_HEADERS > self.max_payload {
            // The server would end the connection, with all that is on its way.
            let refused = Failure::Refused {
                code: 0,
                text: format!(
                    "its max_payload is {} bytes, and the entry has {}",
                    self.max_payload,
                    append.entry.len()
                ),
            };
            self.pending.lock().confirmed(number, Err(refused));
            return Ok(confirmed);
        }
        let subject = self.names.subject(append.stream);
        let inbox = format!("{}.{number:x}", self.inbox);
        let payload = append.entry.clone();
        let client = &self.api.client;
        let sent = client.publish_with_reply_and_headers(subject, inbox, headers, payload);
        sent.await.map_err(|error| error.to_string())?;
        Ok(confirmed)
    }

    /// Puts a mark into a stream without messages. Returns whether one is there now, or something else.
    pub(super) async fn mark(&self, subject: &str, id: u64) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        let id = MessageId { id, sender: None };
        headers.insert(MESSAGE_ID, id.to_text());
        headers.insert(EXPECTED_LAST, "0");
        let client = &self.api.client;
        let sent = client.request_with_headers(subject.to_owned(), headers, Bytes::new());
        let answer = sent
            .await
            .map_err(|error| Failure::Link(error.to_string()))?;
        match sequence(&answer) {
            Err(failure) if failure.is(api::ANOTHER_LAST) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Has the stream keep as much as a rule says, if it keeps less.
    pub(super) async fn keep(&self, keep: Retention) -> Result<(), Failure> {
        let needed = Limits::of(keep);
        for _ in 0..MAX_UPDATES {
            if self.limits.lock().covers(needed) {
                return Ok(());
            }
            let Some(mut config) = self.config().await? else {
                continue;
            };
            let limits = Limits::of_config(&config).max(needed);
            limits.write(&mut config);
            self.api.update(&config).await?;
            // Another node may have changed them at the same time.
            self.config().await?;
        }
        Err(Failure::Link("its limits change all the time".to_owned()))
    }

    /// Asks for the stream's configuration. The link is over if it is another stream, or has lost
    /// entries.
    pub(super) async fn config(&self) -> Result<Option<Value>, Failure> {
        let highest = self.highest.of(self.epoch);
        let info = self.api.info().await?;
        let info = info.filter(|info| {
            let epoch = self.names.epoch(&info.config);
            epoch == Some((self.birth, self.epoch)) && info.state.last >= highest
        });
        let Some(info) = info else {
            self.end.end(ANOTHER);
            return Err(Failure::Link(ANOTHER.to_owned()));
        };
        *self.limits.lock() = Limits::of_config(&info.config);
        Ok(Some(info.config))
    }

    /// Subscribes to what the server says, and takes it in for as long as it is polled.
    pub(super) async fn driver(self: &Arc<Self>) -> Result<Driver, String> {
        let client = &self.api.client;
        let stored = client.subscribe(self.names.all_stored()).await;
        let stored = stored.map_err(|error| error.to_string())?;
        let confirmed = client.subscribe(format!("{}.*", self.inbox)).await;
        let confirmed = confirmed.map_err(|error| error.to_string())?;
        let link = self.clone();
        Ok(Box::pin(async move {
            tokio::select! {
                why = link.end.over() => why.to_string(),
                why = link.take_in(stored, confirmed) => why,
                why = link.watch() => why,
            }
        }))
    }

    async fn take_in(&self, mut stored: Subscriber, mut confirmed: Subscriber) -> String {
        loop {
            tokio::select! {
                // The server says first what it has stored, and then confirms it.
                biased;
                message = stored.next() => match message {
                    Some(message) => self.on_stored(&message),
                    None => return CLOSED.to_owned(),
                },
                message = confirmed.next() => match message {
                    Some(message) => self.on_confirmed(&message),
                    None => return CLOSED.to_owned(),
                },
            }
        }
    }

    fn on_stored(&self, message: &Message) {
        let birth = self.names.birth(&message.subject);
        if birth != Some(self.birth) {
            self.end.end(ANOTHER);
        }
        let is_this = birth == Some(self.birth);
        let epoch = if is_this { Some(self.epoch) } else { birth };
        let Some(headers) = &message.headers else {
            return;
        };
        let sequence = headers.get(SEQUENCE);
        let sequence = sequence.and_then(|sequence| sequence.as_str().parse().ok());
        if let Some(sequence) = sequence.filter(|_| is_this) {
            self.highest.reach(self.epoch, sequence);
        }
        let id = headers.get(MESSAGE_ID);
        let id = id.and_then(|id| MessageId::parse(id.as_str()));
        let before = headers.get(LAST);
        let before = before.and_then(|before| before.as_str().parse().ok());
        let (Some(id), Some(epoch), Some(mut before)) = (id, epoch, before) else {
            return;
        };
        if let (true, Some(key), Some(sequence)) = (is_this, key(&message.subject), sequence) {
            let spot = Spot {
                sequence,
                id: id.id,
                is_mark: id.sender.is_none(),
            };
            self.heard
                .send_modify(|heard| before = heard.hear(key, spot, before));
        }
        if let Some((_, number)) = id.sender.filter(|sender| sender.0 == self.publisher) {
            self.pending.lock().stored(number, epoch, before);
        }
    }

    /// Returns how a stream goes on behind a place whose message is gone, if nothing was between that is
    /// gone as well. It waits for what the server says up to `top`.
    pub(super) async fn bridge(&self, key: StreamKey, offset: u64, top: u64) -> Option<Bridge> {
        let mut heard = self.heard.subscribe();
        let heard = timeout(SAID_BY, heard.wait_for(|heard| heard.last() >= top)).await;
        heard.ok()?.ok()?.bridge(key, offset)
    }

    fn on_confirmed(&self, message: &Message) {
        if message.status == Some(StatusCode::NO_RESPONDERS) {
            // The stream is gone.
            self.end.end(ANOTHER);
            return;
        }
        let number = message.subject.rsplit('.').next();
        let number = number.and_then(|number| u64::from_str_radix(number, 16).ok());
        if let Some(number) = number {
            let sequence = sequence(message);
            if let Ok(sequence) = sequence {
                self.highest.reach(self.epoch, sequence);
            }
            self.pending.lock().confirmed(number, sequence);
        }
    }

    /// Looks after the stream, which another program may delete.
    async fn watch(&self) -> String {
        loop {
            sleep(BETWEEN_CHECKS).await;
            match timeout(SILENCE, self.config()).await {
                Ok(Ok(_)) => {}
                Ok(Err(failure)) => return failure.into_text(),
                Err(_elapsed) => return "the server does not answer".to_owned(),
            }
        }
    }
}

/// Returns the stream of a subject, whose last part is its key.
fn key(subject: &str) -> Option<StreamKey> {
    let (_, key) = subject.rsplit_once('.')?;
    u128::from_str_radix(key, 16).ok().map(StreamKey::new)
}

/// Reads a confirmation.
fn sequence(message: &Message) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Confirmation {
        seq: u64,
    }
    api::read::<Confirmation>(message).map(|confirmation| confirmation.seq)
}

/// The header that has a message refused if another one is the last of its subject.
const EXPECTED_LAST: HeaderName = HeaderName::from_static("Nats-Expected-Last-Subject-Sequence");

/// The header by which the server says where a message is.
const SEQUENCE: HeaderName = HeaderName::from_static("Nats-Sequence");

/// The header by which the server says which message was the last of a subject before one.
const LAST: HeaderName = HeaderName::from_static("Nats-Last-Sequence");

const ANOTHER: &str = "the stream was deleted, or has lost entries";
const CLOSED: &str = "the connection was closed";

const BETWEEN_CHECKS: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(3);
const MAX_UPDATES: usize = 5;

/// The server says what it has stored at once; a link that has heard nothing yet is not waited for long.
const SAID_BY: Duration = Duration::from_millis(100);

/// How many bytes the headers of an entry take at most.
const MAX_HEADERS: usize = 128;
