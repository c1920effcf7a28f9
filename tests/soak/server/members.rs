use std::{hint::black_box, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval};
use web_connection_socket::{ConnectionId, Hub, Identity};

use super::order::Joined;
use crate::Result;

/// Has sockets join groups with and without a rule and leave them again, and tells what both cost in the
/// best of some rounds: the machine is shared.
pub(super) fn join(hub: &Hub) -> Joined {
    const ROUNDS: usize = 9;

    let sockets: Vec<_> = hub.sockets().into_iter().take(1_000).collect();
    let round = |group: &str| {
        let begin = Instant::now();
        for &socket in &sockets {
            _ = black_box(hub.join(socket, group));
            black_box(hub.leave(socket, group));
        }
        let took = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        took / sockets.len().max(1) as u64
    };
    let best = |kind: &str| {
        // Each socket's user joins each group for the first time.
        let rounds = (0..ROUNDS).map(|number| round(&format!("{kind}-join-{number}")));
        rounds.min().unwrap_or_default()
    };
    Joined {
        with_a_rule: best("g"),
        without: best("plain"),
    }
}

/// Gives sockets other users, each of which joins the lobby.
pub(super) async fn rename(hub: &Hub, per_second: usize, seconds: usize) -> Result<()> {
    let is_other = |socket: &ConnectionId| {
        let user = hub.user_of(*socket);
        user.is_some_and(|user| !user.id().as_str().starts_with("watcher"))
    };
    let sockets: Vec<_> = hub.sockets().into_iter().filter(is_other).collect();
    let mut sockets = sockets.iter().cycle();
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut number = 0;
    for _ in 0..100 * seconds {
        ticks.tick().await;
        for _ in 0..per_second / 100 {
            number += 1;
            let identity = Identity::user(format!("newcomer {number}")).group("lobby");
            let socket = sockets.next().ok_or("there is no socket")?;
            hub.reidentify(*socket, identity)?;
        }
    }
    Ok(())
}
