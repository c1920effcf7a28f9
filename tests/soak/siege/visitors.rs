//! Honest visitors, who come and go in every way, and a pair that talks all the time.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;
use web_connection_socket::SocketMessage;

use super::target::Kind;
use crate::{
    Result,
    client::{Client, connect_from},
};

/// How often another one comes.
const EVERY: Duration = Duration::from_millis(400);
const PATIENCE: Duration = Duration::from_secs(20);

/// What honest visitors saw.
#[derive(Default)]
pub(super) struct Visits {
    /// The names of those who were let in.
    pub(super) names: Vec<String>,
    /// Those who were turned away or reached nothing.
    pub(super) turned_away: usize,
    /// Why sockets were closed before their visitors left.
    pub(super) cut: Vec<String>,
    /// Messages that came back to the visitor who sent them.
    pub(super) answered: usize,
    /// Messages that did not, while their sender's socket was open.
    pub(super) unanswered: usize,
    pub(super) longest: Duration,
}

/// Has visitors come until it is told to stop, and waits for the last to leave.
pub(super) async fn come(
    kind: Kind,
    address: SocketAddr,
    mut stopped: watch::Receiver<bool>,
) -> Result<Visits> {
    let mut going = JoinSet::new();
    going.spawn(talk(kind, address, stopped.clone()));
    let mut every = interval(EVERY);
    let mut number: usize = 0;
    let mut total = Visits::default();
    loop {
        tokio::select! {
            _ = every.tick() => {
                going.spawn(visit(kind, address, number));
                number += 1;
            }
            _ = stopped.changed() => break,
            Some(seen) = going.join_next() => total.add(seen?),
        }
    }
    while let Some(seen) = going.join_next().await {
        total.add(seen?);
    }
    Ok(total)
}

async fn open(address: SocketAddr, number: usize, name: &str) -> Result<Client> {
    // Each at home somewhere else.
    let home = Ipv4Addr::new(127, 0, 3, 1 + u8::try_from(number % 200)?);
    let open = async {
        let stream = connect_from(home, address).await?;
        Client::open_over(stream, address, &format!("userId={name}&groupId=honest")).await
    };
    timeout(PATIENCE, open).await?
}

/// Comes, reads for a while, and leaves in one of four ways.
async fn visit(kind: Kind, address: SocketAddr, number: usize) -> Visits {
    let name = format!("honest-{number}");
    let mut seen = Visits::default();
    let Ok(mut client) = open(address, number, &name).await else {
        seen.turned_away = 1;
        return seen;
    };
    seen.names.push(name);
    let stay = Duration::from_millis(100 + 300 * (number as u64 % 11));
    let reading = async {
        loop {
            match client.next().await {
                Ok(Message::Close(frame)) => return format!("{frame:?}"),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    };
    if let Ok(reason) = timeout(stay, reading).await {
        seen.cut.push(reason);
        return seen;
    }
    match number % 4 {
        0 => {
            // What cannot be reset is gone already.
            let _gone = client.reset();
        }
        1 => {
            // A peer that was cut off in the meantime says nothing.
            let _end = timeout(PATIENCE, client.close()).await;
        }
        2 => {
            // With something on its lips.
            let word = message(kind, "goodbye");
            let _sent = timeout(PATIENCE, client.send(&word)).await;
            let _gone = client.reset();
        }
        _ => drop(client),
    }
    seen
}

/// Says something twice a second and waits for it to come back; comes again if it is closed.
async fn talk(kind: Kind, address: SocketAddr, stopped: watch::Receiver<bool>) -> Visits {
    let mut seen = Visits::default();
    for number in 0.. {
        if *stopped.borrow() {
            break;
        }
        let name = format!("talker-{number}");
        let Ok(mut client) = open(address, number, &name).await else {
            seen.turned_away += 1;
            sleep(EVERY).await;
            continue;
        };
        seen.names.push(name.clone());
        for turn in 0.. {
            if *stopped.borrow() {
                break;
            }
            let word = format!("{name} says {turn}");
            let begin = Instant::now();
            let answer = timeout(PATIENCE, async {
                client.send(&message(kind, &word)).await?;
                // The chat makes HTML of it.
                while !client.message().await?.message.contains(&word) {}
                Ok::<_, tower::BoxError>(())
            });
            match answer.await {
                Ok(Ok(())) => seen.answered += 1,
                Ok(Err(error)) => {
                    seen.cut.push(error.to_string());
                    break;
                }
                Err(_) => seen.unanswered += 1,
            }
            seen.longest = seen.longest.max(begin.elapsed());
            sleep(Duration::from_millis(500)).await;
        }
    }
    seen
}

fn message(kind: Kind, text: &str) -> SocketMessage {
    match kind {
        Kind::Chat => SocketMessage::new("broadcastchatmessage")
            .text(text)
            .to_group("honest"),
        Kind::HyperHost => SocketMessage::new("say").text(text),
    }
}

impl Visits {
    fn add(&mut self, other: Self) {
        self.names.extend(other.names);
        self.turned_away += other.turned_away;
        self.cut.extend(other.cut);
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.longest = self.longest.max(other.longest);
    }
}
