//! Requests that are refused.

use std::time::Duration;

use super::aim::{Aim, Tally, head, write};

/// Asks for sockets as foreign pages do, or with what is no handshake, again and again.
pub(super) async fn refused(aim: Aim) -> Tally {
    aim.pace(200, 128, |attacker| async move {
        let mut stream = attacker.connect().await?;
        let good = attacker.handshake("/?userId=refused");
        let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let bad = match attacker.number % 6 {
            0 => good.replace("Upgrade: w", "Origin: https://evil.test\r\nUpgrade: w"),
            1 => good.replace("Upgrade: w", "Origin: null\r\nUpgrade: w"),
            2 => good.replace(key, ""),
            3 => good.replace("Version: 13", "Version: 99"),
            4 => good.replace("Host: ", "Host: evil.test\r\nHost: "),
            _ => good.replace(key, "Sec-WebSocket-Key: none\r\n"),
        };
        for _ in 0..5 {
            write(&mut stream, bad.as_bytes()).await?;
            let head = head(&mut stream).await?;
            if head.starts_with("HTTP/1.1 101 ") {
                return Err("a bad handshake was accepted".into());
            }
            // Most refusals end the connection.
            if head.to_ascii_lowercase().contains("connection: close") {
                break;
            }
        }
        Ok(())
    })
    .await
}

/// Posts large bodies to the reserved URLs, and ends few of them.
pub(super) async fn posts(aim: Aim) -> Tally {
    aim.pace(60, 200, |attacker| async move {
        let mut stream = attacker.connect().await?;
        let path = match attacker.number % 3 {
            0 => "/__broadcastWebSocket.wc",
            1 => "/__WebSocket.wwd",
            _ => "/somewhere/else",
        };
        let length = match attacker.number % 2 {
            0 => "Content-Length: 100000000",
            _ => "Transfer-Encoding: chunked",
        };
        // The host is not this machine's, so the caller is not local.
        let request = format!("POST {path} HTTP/1.1\r\nHost: evil.test\r\n{length}\r\n\r\n");
        write(&mut stream, request.as_bytes()).await?;
        let piece = format!("{:x}\r\n{}\r\n", 16_384, "x".repeat(16_384));
        for _ in 0..64 {
            // A server that refuses does not have to read on.
            if write(&mut stream, piece.as_bytes()).await.is_err() {
                return Ok(());
            }
        }
        attacker.aim.hold(Duration::from_secs(5)).await;
        Ok(())
    })
    .await
}
