//! Twenty restarts of the application under load: no socket ends, each message is answered, none is
//! handled twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::support::backend::{Backend, Kind};
use crate::support::gateway::Gateway;
use crate::support::process::script;
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually};

const RESTARTS: usize = 20;
const SOCKETS: usize = 32;

#[tokio::test]
async fn of_python_lose_nothing() {
    lose_nothing(Kind::Python, "counting.py").await;
}

#[tokio::test]
async fn of_php_lose_nothing() {
    lose_nothing(Kind::Php, "counting.php").await;
}

async fn lose_nothing(kind: Kind, program: &str) {
    let mut backend = Backend::start(kind, &script(&format!("gateway/{program}"))).await;
    let gateway = Gateway::start(&backend.url(), &[]).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut talkers = Vec::new();
    for talker in 0..SOCKETS {
        let socket = Socket::open(&gateway.socket_url("")).await;
        talkers.push(tokio::spawn(talk(
            socket,
            talker,
            is_over.clone(),
            answered.clone(),
        )));
    }
    for restart in 0..RESTARTS {
        let before = answered.load(Ordering::Relaxed);
        let what = format!("messages before restart {restart}");
        eventually(&what, PATIENCE, async || {
            (answered.load(Ordering::Relaxed) > before + 2 * SOCKETS).then_some(())
        })
        .await;
        backend.kill();
        backend.start_again().await;
    }
    is_over.store(true, Ordering::Relaxed);

    let mut outcomes = BTreeMap::<String, usize>::new();
    let (mut done, mut unsent) = (BTreeSet::new(), BTreeSet::new());
    for talker in talkers {
        // A talker that got no answer or lost its socket has panicked.
        for (number, outcome) in talker.await.expect("a socket that stays, and answers") {
            match &*outcome {
                "done" => assert!(done.insert(number)),
                "unavailable" | "overloaded" => assert!(unsent.insert(number)),
                "unknown_outcome" => {}
                other => panic!("{number}: {other}"),
            }
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    let mut handled = BTreeMap::<String, usize>::new();
    for number in backend.counted() {
        *handled.entry(number).or_default() += 1;
    }
    println!("{RESTARTS} restarts of {kind:?}: {outcomes:?}");
    let twice: Vec<_> = handled.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "handled twice: {twice:?}");
    for number in &done {
        assert!(
            handled.contains_key(number),
            "{number} was answered and not handled"
        );
    }
    for number in &unsent {
        assert!(
            !handled.contains_key(number),
            "{number} was handled and declared unsent"
        );
    }
    assert!(done.len() > RESTARTS * SOCKETS, "{outcomes:?}");
}

/// Sends one message after the other, and collects the answer to each.
async fn talk(
    mut socket: Socket,
    talker: usize,
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let number = format!("{talker}-{}", answers.len());
        socket
            .send(&json!({"action": "count", "message": number}))
            .await;
        let answer = socket.receive().await;
        let outcome = match answer["action"].as_str() {
            Some("done") => {
                assert_eq!(answer["message"], number);
                "done"
            }
            _ => answer["error"]["code"].as_str().expect("an error frame"),
        };
        answers.push((number, outcome.to_owned()));
        answered.fetch_add(1, Ordering::Relaxed);
    }
    answers
}
