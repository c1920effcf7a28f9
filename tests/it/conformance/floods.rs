//! Frames without end that say nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{echoing, expect};
use crate::support::{
    soon, spawn,
    wire::{CONTINUATION, PING, TEXT, Wire, masked, masked_text},
};

/// Frames of each flood: a few megabytes.
const FRAMES: usize = 200_000;

#[tokio::test]
async fn a_flood_of_empty_fragments_leaves_others_their_turn() {
    let (server, mut flooding) = echoing().await;
    let mut other = Wire::open(&server, "/").await;
    let flood = spawn(async move {
        flooding.send(&masked(false, TEXT, b"a")).await;
        let fragments = masked(false, CONTINUATION, b"").repeat(FRAMES / 100);
        for _ in 0..100 {
            flooding.send(&fragments).await;
        }
        flooding
    });
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = turns.clone();
    let taking_turns = spawn(async move {
        loop {
            other.send(&masked_text("mine")).await;
            expect(&mut other, TEXT, b"mine").await;
            counted.fetch_add(1, Relaxed);
        }
    });
    let mut flooding = soon("the flood", flood).await.unwrap();
    let turns = turns.load(Relaxed);
    assert!(turns > 5, "{turns} turns");
    taking_turns.abort();
    flooding.send(&masked(true, CONTINUATION, b"b")).await;
    expect(&mut flooding, TEXT, b"ab").await;
}

#[tokio::test]
async fn a_message_of_single_bytes_is_as_good_as_any() {
    let (_server, mut wire) = echoing().await;
    wire.send(&masked(false, TEXT, b"")).await;
    wire.send(&masked(false, CONTINUATION, b"x").repeat(FRAMES))
        .await;
    wire.send(&masked(true, PING, b"?")).await;
    wire.send(&masked(true, CONTINUATION, b"")).await;
    let pong = wire.frame().await.unwrap();
    assert_eq!(pong.payload, b"?");
    expect(&mut wire, TEXT, &[b'x'; FRAMES]).await;
}
