//! One connection to NATS: its client, its subscriptions, and when it is over.

use std::{collections::HashMap, mem};

use async_nats::Client;
use tokio::task::JoinHandle;

use crate::{
    backplane::{remote::Inbox, topic::Topic},
    sync::Mutex,
};

/// What the halves of a link share with the client.
#[derive(Default)]
pub(super) struct Session {
    pub(super) inbox: Inbox,
    open: Mutex<Open>,
}

/// What keeps the connection open.
#[derive(Default)]
struct Open {
    client: Option<Client>,
    /// The tasks that take in what arrives on each topic.
    subscriptions: HashMap<Topic, JoinHandle<()>>,
}

impl Session {
    /// Keeps the connection until the link is over.
    pub(super) fn open(&self, client: Client) {
        self.open.lock().client = Some(client);
        self.close_if_over();
    }

    /// Returns the client, or why the link is over.
    pub(super) fn client(&self) -> Result<Client, String> {
        if let Some(reason) = self.inbox.reason() {
            return Err(reason.to_string());
        }
        let client = self.open.lock().client.clone();
        client.ok_or_else(|| CLOSED.to_owned())
    }

    pub(super) fn is_subscribed(&self, topic: Topic) -> bool {
        self.open.lock().subscriptions.contains_key(&topic)
    }

    pub(super) fn subscribe(&self, topic: Topic, task: JoinHandle<()>) {
        self.open.lock().subscriptions.insert(topic, task);
        self.close_if_over();
    }

    /// Takes in nothing more on a topic. The client then tells the server.
    pub(super) async fn unsubscribe(&self, topic: Topic) {
        let task = self.open.lock().subscriptions.remove(&topic);
        if let Some(task) = task {
            task.abort();
            // One that runs may have messages in hand, which those of the next subscription must not
            // overtake.
            _ = task.await;
        }
    }

    /// Ends the link, which closes the connection.
    pub(super) fn end(&self, reason: &str) {
        self.inbox.end(reason);
        self.close_if_over();
    }

    /// Drops the last sender to the client's task, which then closes the connection.
    fn close_if_over(&self) {
        if self.inbox.reason().is_some() {
            let open = mem::take(&mut *self.open.lock());
            open.subscriptions.values().for_each(JoinHandle::abort);
        }
    }
}

const CLOSED: &str = "the connection was closed";
