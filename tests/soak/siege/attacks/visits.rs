//! Visits that are short, or end in half.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::super::target::Kind;
use super::aim::{Aim, Attacker, Tally, reset, write};
use crate::{Result, wire::masked_text};

/// Connects, sends 60 KB and hangs up.
pub(super) async fn hit_and_run(aim: Aim) -> Tally {
    let per_second = match aim.kind {
        Kind::Chat => 300,
        // Each message goes to all, and a few hundred readers take what the machine has.
        Kind::HyperHost => 60,
    };
    aim.pace(per_second, 64, |attacker| async move {
        let mut stream = attacker.open("/?userId=hit&groupId=run").await?;
        let text = "x".repeat(60_000);
        let kind = attacker.aim.kind;
        let message = match attacker.number % 10 {
            0 => kind.said(&text),
            _ => kind.muttered(&text),
        };
        write(&mut stream, &masked_text(&message)).await?;
        match attacker.number % 2 {
            0 => reset(stream),
            _ => Ok(()),
        }
    })
    .await
}

/// Connects, says nothing, half of a handshake or all of it, and resets the connection at once.
pub(super) async fn resets(aim: Aim) -> Tally {
    aim.pace(800, 128, |attacker| async move {
        let mut stream = attacker.connect().await?;
        let handshake = attacker.handshake("/?userId=reset");
        let bytes = match attacker.number % 3 {
            0 => &handshake[..0],
            1 => &handshake[..handshake.len() / 2],
            _ => &handshake,
        };
        write(&mut stream, bytes.as_bytes()).await?;
        reset(stream)
    })
    .await
}

/// Opens a socket, ends its own half of the connection and stays.
pub(super) async fn half_closed(aim: Aim) -> Tally {
    aim.pace(60, 400, |attacker| async move {
        let mut stream = attacker.connect().await?;
        if attacker.number % 2 == 0 {
            attacker.upgrade(&mut stream, "/?userId=half").await?;
        } else {
            write(&mut stream, attacker.handshake("/?userId=half").as_bytes()).await?;
        }
        stream.shutdown().await?;
        stay(attacker).await
    })
    .await
}

async fn stay(attacker: Attacker) -> Result<()> {
    attacker.aim.hold(Duration::from_secs(8)).await;
    Ok(())
}
