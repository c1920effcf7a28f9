//! The hub and its clients, and what happens to them.

use std::{sync::Arc, time::Duration};

use tokio::time::advance;

use super::client::{CLIENTS, Client, LOBBY, ROOM, VALUES};
use crate::{
    config::{Config, HistoryRule},
    hub::Hub,
    protocol::{Recipient, SocketMessage},
};

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Publish {
        to: To,
        except: Except,
        size: usize,
    },
    /// Opens a socket, whose messages wait.
    Connect(usize),
    /// Adds an open socket to the room.
    Enter(usize),
    /// Lets it have what its client missed.
    Resume(usize),
    /// The client reads what there is.
    Read(usize),
    /// The client reads no more until it reads.
    Stall(usize),
    /// The connection ends, and with it what is under way.
    Cut(usize),
    /// The server closes the socket.
    Close(usize),
    /// The client comes again, if it is away, and reads.
    Return(usize),
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum To {
    Lobby,
    Values,
    Room,
    User(usize),
    All,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Except {
    None,
    User(usize),
    Followers,
}

/// How much room there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) queue: usize,
    pub(super) history: usize,
}

pub(super) struct World {
    hub: Arc<Hub>,
    clients: [Client; CLIENTS.len()],
    published: u64,
}

impl World {
    pub(super) fn new(room: Room) -> Self {
        let rule = HistoryRule::group(LOBBY).messages(6);
        let config = Config::new()
            .max_queue_bytes(room.queue)
            .max_history_bytes(room.history)
            .history(rule.age(Duration::from_secs(30)))
            .history(HistoryRule::group("value:*").latest())
            .history(HistoryRule::group(ROOM).messages(4))
            .history(HistoryRule::users().messages(3))
            .history(HistoryRule::all().messages(3));
        let hub = Arc::new(Hub::new(&config));
        let clients = CLIENTS.map(|(user, follows)| Client::new(&hub, user, follows));
        Self {
            hub,
            clients,
            published: 0,
        }
    }

    /// In the beginning each client is there.
    pub(super) async fn begin(&mut self) {
        for client in &mut self.clients {
            client.come_back(&self.hub).await;
        }
    }

    pub(super) async fn take(&mut self, step: Step) {
        match step {
            Step::Publish { to, except, size } => self.publish(to, except, size),
            Step::Connect(client) => self.clients[client].connect(&self.hub),
            Step::Enter(client) => self.clients[client].enter(&self.hub),
            Step::Resume(client) => self.clients[client].resume(),
            Step::Read(client) => self.clients[client].read().await,
            Step::Stall(client) => self.clients[client].stall(),
            Step::Cut(client) => self.clients[client].cut(),
            Step::Close(client) => self.clients[client].close(&self.hub),
            Step::Return(client) => self.clients[client].come_back(&self.hub).await,
            Step::Wait(seconds) => advance(Duration::from_secs(seconds)).await,
        }
    }

    fn publish(&mut self, to: To, except: Except, size: usize) {
        self.published += 1;
        let mut message = SocketMessage::new(self.published.to_string()).text("x".repeat(size));
        let (recipient, key) = match to {
            To::Lobby => (Recipient::group(LOBBY), LOBBY),
            To::Values => (Recipient::group(VALUES), VALUES),
            To::Room => (Recipient::group(ROOM), ROOM),
            To::User(client) => (Recipient::user(CLIENTS[client].0), "__user"),
            To::All => (Recipient::all(), "__all"),
        };
        message.recipients.push(recipient);
        match except {
            Except::None => {}
            Except::User(client) => {
                let excluded = Recipient::all_but_user(CLIENTS[client].0);
                message.recipients.push(excluded);
            }
            Except::Followers => message.recipients.push(Recipient::all_but_group(VALUES)),
        }
        for (client, (user, follows)) in self.clients.iter_mut().zip(CLIENTS) {
            let is_excluded = match except {
                Except::None => false,
                Except::User(other) => CLIENTS[other].0 == user,
                Except::Followers => follows,
            };
            let is_users = !matches!(to, To::User(other) if CLIENTS[other].0 != user);
            if is_users && !is_excluded {
                client.expect(key, self.published);
            }
        }
        let report = self.hub.broadcast(&message);
        assert!(report.position().is_some());
    }

    /// In the end each client is there and has read all.
    pub(super) async fn end(&mut self) {
        for client in &mut self.clients {
            client.read().await;
            client.come_back(&self.hub).await;
            client.is_there_and_whole();
        }
    }
}
