//! Work that outlives its socket: how much of it there is, what it delays, and that each end is told.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, sleep},
};
use web_connection_socket::SocketMessage;

use crate::{
    Result,
    client::{Client, connect_from},
    line::Line,
    server::Server,
    soon,
    wire::{Wire, handshake, masked_text},
};

const CAP: usize = 100;

/// How long the server's slow action takes.
const WORK: Duration = Duration::from_secs(2);

/// One client alone, then so many that they use up all that there is.
pub(super) async fn visits_that_leave_work_behind() -> Result<Line> {
    let alone = visits("one client", 1, CAP / 10).await?;
    let all = visits("40 clients", 40, 2 * CAP).await?;
    Ok(alone.and(all).and(one_that_hogs().await?))
}

/// What a client's visits came to.
#[derive(Default)]
struct Visits {
    opened: u64,
    refused: usize,
    /// Refusals that say something else than to come again in a second.
    otherwise: usize,
}

/// Has clients come, send 60 KB and hang up, and again, for 15 seconds. `most`: how many sockets they
/// may have, those whose work is left included.
async fn visits(user: &str, clients: u8, most: usize) -> Result<Line> {
    let options = ["--max-sockets", "100", "--max-sockets-per-client", "5"];
    let mut server = Server::with(&options).await?;
    let mut honest = Client::open_many(server.address, "honest", 4).await?;
    let idle = server.figures().await?;

    let attack = crate::spawn(attack(server.address, clients, Duration::from_secs(15)));
    let (mut peak, mut work, mut longest) = (idle.memory, 0, Duration::ZERO);
    let mut ends = 0;
    while !attack.is_finished() {
        for client in &mut honest {
            let begin = Instant::now();
            client.send(&SocketMessage::new("echo")).await?;
            soon("an echo", client.message()).await?;
            longest = longest.max(begin.elapsed());
        }
        let figures = server.figures().await?;
        peak = peak.max(figures.memory);
        work = work.max(figures.dispatches + figures.waiting);
        ends += figures.ends.len() as u64;
        sleep(Duration::from_millis(20)).await;
    }
    let seen = attack.await??;
    let patience = Duration::from_secs(60);
    let after = server
        .until(patience, |now| {
            now.dispatches == 0 && now.tasks <= idle.tasks
        })
        .await?;
    ends += after.ends.len() as u64;
    // A message for each socket, those whose work is left included.
    let bound = 2 * CAP * 64;
    Ok(Line::new()
        .remark(format!(
            "{user}: {} visits, {} refused",
            seen.opened, seen.refused
        ))
        .figure(
            format!("{} of these not told to come again in 1 s", seen.otherwise),
            seen.otherwise == 0 && seen.refused > 0,
        )
        .figure(
            format!("at most {work} pieces of work of {most}"),
            work <= most,
        )
        .figure(
            format!("{} KiB more of {bound} allowed", peak - idle.memory),
            peak - idle.memory <= bound,
        )
        .figure(
            format!("honest sockets waited {} ms at most", longest.as_millis()),
            // None waits for what the visits left behind.
            longest < WORK,
        )
        .figure(
            format!("{ends} disconnect events delivered"),
            ends == seen.opened && after.failed == 0,
        )
        .figure(
            format!("{} tasks after, {} before", after.tasks, idle.tasks),
            after.tasks <= idle.tasks,
        ))
}

/// Visits from so many addresses for so long, 16 at a time.
async fn attack(server: SocketAddr, clients: u8, time: Duration) -> Result<Visits> {
    let message = format!(
        r#"{{"action":"slow","message":"{}"}}"#,
        "x".repeat(60 * 1_024)
    );
    let message: Arc<[u8]> = masked_text(&message).into();
    let at_once = Arc::new(Semaphore::new(16));
    let end = Instant::now() + time;
    let mut visits: JoinSet<Result<Option<String>>> = JoinSet::new();
    let mut seen = Visits::default();
    for client in (1..=clients).cycle() {
        if Instant::now() > end {
            break;
        }
        let place = at_once.clone().acquire_owned().await?;
        let message = message.clone();
        visits.spawn(async move {
            let _place = place;
            visit(Ipv4Addr::new(127, 0, 1, client), server, &message).await
        });
        while let Some(done) = visits.try_join_next() {
            seen.add(done??);
        }
    }
    while let Some(done) = visits.join_next().await {
        seen.add(done??);
    }
    Ok(seen)
}

/// The head of the answer, if it was a refusal.
async fn visit(client: Ipv4Addr, server: SocketAddr, message: &[u8]) -> Result<Option<String>> {
    let mut wire = Wire::over(connect_from(client, server).await?);
    let path = format!("/?userId={client}");
    wire.send(handshake(&path).as_bytes()).await;
    let head = wire.head().await;
    if head.starts_with("HTTP/1.1 101 ") {
        wire.send(message).await;
        return Ok(None);
    }
    Ok(Some(head))
}

impl Visits {
    fn add(&mut self, refusal: Option<String>) {
        let Some(head) = refusal else {
            self.opened += 1;
            return;
        };
        let head = head.to_ascii_lowercase();
        let is_full = head.starts_with("http/1.1 429 ") || head.starts_with("http/1.1 503 ");
        // Five seconds where it is open sockets that are too many.
        let waits = ["\r\nretry-after: 1\r\n", "\r\nretry-after: 5\r\n"];
        let says_when = waits.iter().any(|wait| head.contains(wait));
        self.refused += 1;
        self.otherwise += usize::from(!is_full || !says_when);
    }
}

/// One user with all the sockets that it wants, each of which hangs, beside another.
async fn one_that_hogs() -> Result<Line> {
    const HUNG: usize = 50;
    const PLACES: usize = 8;

    let options = ["--max-dispatches", "8", "--max-sockets", "100"];
    let mut server = Server::with(&options).await?;
    let mut hung = Vec::new();
    for _ in 0..HUNG {
        let mut client = Client::open(server.address, "userId=eve").await?;
        client.send(&SocketMessage::new("hang")).await?;
        hung.push(client);
    }
    let all = |now: &crate::server::Figures| now.dispatches + now.waiting == HUNG;
    let figures = server.until(Duration::from_secs(10), all).await?;
    let mut honest = Client::open(server.address, "userId=ann").await?;
    let mut longest = Duration::ZERO;
    for _ in 0..100 {
        let begin = Instant::now();
        honest.send(&SocketMessage::new("echo")).await?;
        soon("an echo", honest.message()).await?;
        longest = longest.max(begin.elapsed());
    }
    Ok(Line::new()
        .figure(
            format!(
                "one user hangs in {} of {PLACES} places with {HUNG} sockets",
                figures.dispatches
            ),
            figures.dispatches == PLACES / 2,
        )
        .figure(
            format!("another waits {} ms at most", longest.as_millis()),
            longest < WORK,
        ))
}

pub(super) async fn leavers_of_a_hung_application() -> Result<Line> {
    const LEAVERS: usize = 100;
    const PLACES: usize = 8;

    let mut server = Server::with(&["--max-dispatches", "8"]).await?;
    let mut hung = Client::open_many(server.address, "hung", PLACES).await?;
    let leavers = Client::open_many(server.address, "leaver", LEAVERS).await?;
    for client in &mut hung {
        client.send(&SocketMessage::new("hang")).await?;
    }
    let patience = Duration::from_secs(10);
    let figures = server
        .until(patience, |now| now.dispatches == PLACES)
        .await?;
    let taken = figures.dispatches;

    let begin = Instant::now();
    for (number, leaver) in leavers.into_iter().enumerate() {
        match number % 3 {
            0 => leaver.reset()?,
            1 => leaver.close().await?,
            _ => {}
        }
    }
    let figures = server
        .until(patience, |now| now.ends.len() >= LEAVERS)
        .await?;
    let took = begin.elapsed();
    // A second event of the same leaver would come a moment later.
    sleep(Duration::from_secs(1)).await;
    let later = server.figures().await?;
    let ends = figures.ends.iter().chain(&later.ends);
    let users: BTreeSet<_> = ends.map(|end| &end.user).collect();
    let told = figures.ends.len() + later.ends.len();
    Ok(Line::new()
        .figure(
            format!(
                "{taken} of {PLACES} places hung, and {} after",
                later.dispatches
            ),
            taken == PLACES && later.dispatches == PLACES,
        )
        .figure(
            format!(
                "disconnect events of {} of {LEAVERS} delivered, {} of them twice, within {} ms",
                users.len(),
                told - users.len(),
                took.as_millis()
            ),
            users.len() == LEAVERS && told == LEAVERS,
        ))
}
