//! The promises, one after the other.

mod churn;
mod crowd;
mod faults;
mod floods;
mod histories;
mod idle;
mod join_race;
mod load;
mod members;
mod nodes;
mod outlived;
mod pass_through;
mod resumes;
mod shutdown;
mod stalled;
mod streams;
mod vanished;

use tokio::time::Instant;

use crate::{Result, line::Line, named};

/// Shows promises and prints a line for each; tells whether all hold.
pub(crate) async fn show(only: &[u8]) -> Result<bool> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut all_hold = true;
    println!("| | promised | measured | |\n|---|---|---|---|");
    for &(number, promise) in PROMISES {
        if !only.is_empty() && !only.contains(&number) {
            continue;
        }
        let begin = Instant::now();
        let line = match Box::pin(measure(number)).await {
            Ok(line) => line,
            // The others can be shown all the same.
            Err(error) => Line::new().figure(error, false),
        };
        all_hold &= line.holds();
        let verdict = if line.holds() { "holds" } else { "BROKEN" };
        println!("| {number} | {promise} | {line} | {verdict} |");
        eprintln!("soak: {number} took {} s", begin.elapsed().as_secs());
    }
    Ok(all_hold)
}

async fn measure(number: u8) -> Result<Line> {
    match number {
        1 => idle::ten_minutes().await,
        2 => load::a_minute().await,
        3 => churn::a_minute().await,
        4 => pass_through::in_memory().await,
        5 => load::eight_publishers().await,
        6 => join_race::ten_thousand().await,
        7 => load::a_burst().await,
        8 => load::reports().await,
        9 => named::audience().await,
        10 => stalled::beside_the_healthy().await,
        11 => stalled::sixty_four_mebibytes_each().await,
        12 => vanished::black_holes().await,
        13 => vanished::half_dead().await,
        14 => shutdown::at_its_worst().await,
        15 => faults::ten_thousand_panics().await,
        16 => faults::hung_dispatches().await,
        17 => floods::mutated_messages().await,
        18 => named::conformance().await,
        19 => named::oversize().await,
        20 => floods::frames().await,
        21 => named::handshakes().await,
        22 => named::origins().await,
        23 => named::reserved().await,
        24 => named::local().await,
        25 => named::spellings().await,
        26 => named::identity().await,
        27 => named::caps().await,
        28 => nodes::while_the_broker_dies().await,
        29 => nodes::gaps().await,
        30 => named::nodes().await,
        31 => outlived::visits_that_leave_work_behind().await,
        32 => streams::that_are_not_read().await,
        33 => outlived::leavers_of_a_hung_application().await,
        35 => named::names().await,
        36 => crowd::beside_a_flood().await,
        37 => named::rates().await,
        39 => Ok(resumes::ten_thousand()
            .await?
            .and(histories::while_the_store_dies().await?)),
        40 => members::who_is_here().await,
        _ => Err("there is no such promise".into()),
    }
}

/// Each promise that is shown here, by its number.
const PROMISES: &[(u8, &str)] = &[
    (
        1,
        "10 000 idle sockets for 10 minutes: none dropped, all answer; at most 3 KiB of resident memory each",
    ),
    (
        2,
        "1 000 sockets × 30 broadcasts/s × 60 s: 0 lost, reordered or doubled",
    ),
    (
        3,
        "200 connects/s for a minute, a third reset: nothing left",
    ),
    (
        4,
        "a request that is not ours: no allocation, at most 1 µs; bodies, trailers, errors untouched",
    ),
    (
        5,
        "8 publishers over sockets and HTTP at once: each message once, in each publisher's order",
    ),
    (
        6,
        "10 000 connects, each broadcast to as soon as it sees its 101: 0 misses; leavers not revived",
    ),
    (
        7,
        "5 000 frames of 150 B at once to 100 readers: none cut, none lost",
    ),
    (
        8,
        "matched = queued + dropped; a socket that stays connected receives what was queued to it",
    ),
    (9, "audience = a model's set in 10 000 random cases"),
    (
        10,
        "50 stalled beside 1 000: p99 of the others at most 1.5 × without",
    ),
    (
        11,
        "100 stalled, 64 MiB at each: memory within the queues' bounds, closed within 6 s as slow, all counted",
    ),
    (
        12,
        "a black-holed peer is gone within 40 s, also while a write is blocked; one event each",
    ),
    (
        13,
        "a client that ignores our close is gone in 5 s; half a frame or a byte per second at the pong deadline",
    ),
    (
        14,
        "shutdown of 1 000 sockets, 10 stalled, one torn, one hung: 1001 to all that read, in time, no task left",
    ),
    (
        15,
        "10 000 panics: an error frame without the panic's text each, socket kept, no leak",
    ),
    (
        16,
        "a hung dispatch ends at its timeout, costs others nothing; bounded over all sockets",
    ),
    (
        17,
        "mutated messages: the defined error, socket kept, 0 panics",
    ),
    (
        18,
        "RFC 6455 §§5–7, clause by clause; 1002 and 1007 as clients see them",
    ),
    (
        19,
        "1009 is seen by Chromium, Node and Python, 100 of 100 each",
    ),
    (
        20,
        "a million empty continuations, one-byte fragments, 100 000 unread pings: bounded memory",
    ),
    (21, "upgrade refusals, and never a 101 without every check"),
    (22, "foreign origins are refused before the 101"),
    (
        23,
        "reserved URLs without permission: refused, nothing delivered",
    ),
    (24, "local means the TCP peer; shown with a real nginx"),
    (25, "no spelling of a reserved URL forges a dispatch"),
    (
        26,
        "no visitor speaks as another, no header or name is forged",
    ),
    (27, "caps before the 101, rates, nothing secret in logs"),
    (
        28,
        "broker killed and restarted 20 times: local p99 at most 1.2 × without a backplane (median of 5), 0 lost locally; a publish meanwhile says that it stayed local; resubscribed within 2 s",
    ),
    (
        29,
        "every gap is reported once, to the message, within 6 s of both nodes having a link: kills, a freeze of 20 s, cuts, a deaf way; deaf within 6.5 s, a node gone within 7.5 s",
    ),
    (
        30,
        "prefixes apart, garbage dropped and counted; broker absent or refusing: up, alone, and joined later",
    ),
    (
        31,
        "15 s of visits that send 60 KB and hang up, against work of 2 s under `max_sockets(100)`: memory within twice the cap × a message; others served; no client holds all places",
    ),
    (
        32,
        "6 HTTP/2 connections × 200 sockets without windows: reset alone, nothing left 10 s after, memory back within 32 MiB; connections that are not read are closed",
    ),
    (
        33,
        "with every place hung, the disconnect events of 100 of 100 leavers are delivered, once each",
    ),
    (
        35,
        "a name that becomes a membership is bounded whichever way it comes, and so is what a dispatch costs",
    ),
    (
        36,
        "3 visitors × 60 KB to 300 readers: an unrelated request waits at most 2 × as long as beside axum's `ws` with a channel; `hub.len()` within 5 ms (p99) at 10 000 sockets",
    ),
    (
        37,
        "a visitor within its rates, in messages and bytes, closes no reader whose line takes them",
    ),
    (
        39,
        "10 000 resumes, 10 messages each, a stream per 100 sockets: all come, in order; CPU at most 1.25 × the same connects that get the same 11 frames as replies; 24 clients that come and go at 3 nodes, 8 publishers, while Redis or NATS is killed without a file, emptied and frozen, and a node is killed: each log is what was published, or says where something is missing",
    ),
    (
        40,
        "who is here, over nodes: the members of a node that is killed leave once on every other one, within 18 s, and those that move never do; at most 200 B per member and node, 5 µs per join, no publish for an idle socket, 1.1 frames per watcher and second at 10 000 joins/s",
    ),
];
