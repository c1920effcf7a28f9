//! Text is UTF-8.

use std::iter;

use super::{BAD_UTF8, echo, echoing, expect, refused};
use crate::support::{
    serve,
    wire::{BINARY, CONTINUATION, TEXT, masked},
};

/// RFC 6455 §8.1.
#[tokio::test]
async fn text_is_utf8_wherever_it_is_cut() {
    let (_server, mut wire) = echoing().await;
    let text = GOOD_UTF8.as_bytes();
    for cut in 0..=text.len() {
        let (first, last) = text.split_at(cut);
        let frames = [masked(false, TEXT, first), masked(true, CONTINUATION, last)];
        wire.send(&frames.concat()).await;
        expect(&mut wire, TEXT, text).await;
    }
    let bytes = text
        .iter()
        .map(|byte| masked(false, CONTINUATION, &[*byte]));
    let frames = iter::once(masked(false, TEXT, b"")).chain(bytes);
    let frames: Vec<_> = frames.chain([masked(true, CONTINUATION, b"")]).collect();
    wire.send(&frames.concat()).await;
    expect(&mut wire, TEXT, text).await;
}

/// RFC 6455 §8.1.
#[tokio::test]
async fn text_that_is_not_utf8_is_1007_wherever_it_is_cut() {
    let server = serve(&echo());
    for bad in BAD_UTF8 {
        let text = [b"valid before ", *bad].concat();
        refused(&server, &masked(true, TEXT, &text), 1007, "one frame").await;
        for cut in 13..=text.len() {
            let (first, last) = text.split_at(cut);
            let end = masked(true, CONTINUATION, last);
            let frames = [masked(false, TEXT, first), end];
            refused(&server, &frames.concat(), 1007, "two fragments").await;
        }
        let (_server, mut wire) = echoing().await;
        wire.send(&masked(true, BINARY, &text)).await;
        expect(&mut wire, BINARY, &text).await;
    }
}

/// RFC 6455 §8.1.
#[tokio::test]
async fn bad_text_is_refused_before_its_message_ends() {
    let server = serve(&echo());
    for bad in BAD_UTF8
        .iter()
        .filter(|bad| std::str::from_utf8(bad).unwrap_err().error_len().is_some())
    {
        let start = masked(false, TEXT, bad);
        refused(&server, &start, 1007, "an unfinished message").await;
        let frame = masked(true, TEXT, &[*bad, b"and the rest"].concat());
        refused(
            &server,
            &frame[..6 + bad.len()],
            1007,
            "an unfinished frame",
        )
        .await;
    }
}

/// First and last of each length, the ends of the surrogates' gap, and what is no character.
const GOOD_UTF8: &str = "\0\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{fffe}\u{ffff}\
    \u{10000}\u{1fffe}\u{10ffff}κόσμε";
