//! Connections that never come to a request.

use std::time::Duration;

use tokio::time::sleep;

use super::aim::{Aim, Tally, write};

/// More than a server waits for the first request.
const HELD: Duration = Duration::from_secs(15);

/// Sends as much of a head as the server takes, and no end of it.
pub(super) async fn large_heads(aim: Aim) -> Tally {
    aim.pace(100, 1_000, |attacker| async move {
        let mut stream = attacker.connect().await?;
        write(&mut stream, b"GET / HTTP/1.1\r\nHost: localhost\r\n").await?;
        let line = format!("X: {}\r\n", "y".repeat(4_000));
        for _ in 0..95 {
            write(&mut stream, line.as_bytes()).await?;
        }
        attacker.aim.hold(HELD).await;
        Ok(())
    })
    .await
}

/// Sends a head byte by byte.
pub(super) async fn slow_heads(aim: Aim) -> Tally {
    aim.pace(60, 900, |attacker| async move {
        let mut stream = attacker.connect().await?;
        write(&mut stream, b"GET / HTTP/1.1\r\nHost: localhost\r\n").await?;
        while !attacker.aim.is_over() {
            write(&mut stream, b"X").await?;
            sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    })
    .await
}

/// Sends a part of a handshake and waits.
pub(super) async fn half_open(aim: Aim) -> Tally {
    aim.pace(100, 1_000, |attacker| async move {
        let mut stream = attacker.connect().await?;
        let handshake = attacker.handshake("/?userId=half-open");
        let half = handshake.len() / 2;
        write(&mut stream, &handshake.as_bytes()[..half]).await?;
        attacker.aim.hold(HELD).await;
        Ok(())
    })
    .await
}

/// Sends nothing.
pub(super) async fn mute(aim: Aim) -> Tally {
    aim.pace(100, 1_000, |attacker| async move {
        let stream = attacker.connect().await?;
        attacker.aim.hold(HELD).await;
        drop(stream);
        Ok(())
    })
    .await
}
