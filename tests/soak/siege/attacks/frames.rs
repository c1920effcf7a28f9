//! Frames that are none, or too many.

use std::time::Duration;

use tokio::time::sleep;

use super::aim::{Aim, Attacker, Tally, write};
use crate::wire::{BINARY, CONTINUATION, PING, TEXT, masked, masked_text};

/// Sends what breaks the protocol or announces more than it sends, and stays a while.
pub(super) async fn broken(aim: Aim) -> Tally {
    aim.pace(150, 400, |attacker| async move {
        let mut stream = attacker.open("/?userId=broken").await?;
        write(&mut stream, &bytes(attacker)).await?;
        attacker.aim.hold(Duration::from_secs(5)).await;
        Ok(())
    })
    .await
}

fn bytes(attacker: Attacker) -> Vec<u8> {
    match attacker.number % 9 {
        0 => noise(attacker.number, 4_096),
        // Not masked.
        1 => b"\x81\x02{}".to_vec(),
        2 => masked(true, 0x3, b"an opcode of no meaning"),
        // As many bytes as there are numbers for, and none of them.
        3 => [&[0x81, 0xFF, 0x7F][..], &[0xFF; 7], &[0; 4]].concat(),
        // A message that never ends.
        4 => {
            let mut all = masked_text(&"x".repeat(60_000));
            all.truncate(59_000);
            all
        }
        5 => {
            let mut all = masked(false, TEXT, br#"{"action":""#);
            for _ in 0..2_000 {
                all.extend(masked(false, CONTINUATION, b"x"));
            }
            all
        }
        6 => masked(true, BINARY, &noise(attacker.number, 60_000)),
        7 => masked_text(&format!(r#"{{"x":{}"#, "[".repeat(50_000))),
        _ => masked(true, TEXT, &[0xFF; 1_000]),
    }
}

/// Xorshift: other bytes for each seed.
fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15 ^ seed as u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Sends pings faster than it may, and reads no answer.
pub(super) async fn pings(aim: Aim) -> Tally {
    aim.pace(20, 100, |attacker| async move {
        let mut stream = attacker.connect_narrow().await?;
        attacker.upgrade(&mut stream, "/?userId=pings").await?;
        let hundred = masked(true, PING, &[b'.'; 125]).repeat(100);
        while !attacker.aim.is_over() {
            write(&mut stream, &hundred).await?;
            sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    })
    .await
}
