//! What the tests share: programs that end with their test, browsers, pages, proxies.

pub(crate) mod axe;
pub(crate) mod backend;
pub(crate) mod browser;
pub(crate) mod chat;
pub(crate) mod example;
mod firefox;
pub(crate) mod gate;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod nginx;
pub(crate) mod nodes;
pub(crate) mod page;
pub(crate) mod process;
pub(crate) mod raw;
pub(crate) mod scratch;
pub(crate) mod silent_proxy;
pub(crate) mod site;
pub(crate) mod socket;
#[path = "../../it/support/spelled.rs"]
pub(crate) mod spelled;
pub(crate) mod tcp_proxy;
pub(crate) mod tls;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// How long anything that should simply happen may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Asks again and again until there is an answer, and panics with `what` when the deadline passes.
pub(crate) async fn eventually<T>(
    what: &str,
    within: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A port of the loopback interface that was free a moment ago, for programs that cannot bind port 0.
pub(crate) fn free_port() -> u16 {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback interface");
    listener
        .local_addr()
        .expect("the address of a bound socket")
        .port()
}

/// Where `tests/run` installs what it installs, and where screenshots go.
pub(crate) fn outside_dir() -> PathBuf {
    let scratch = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    scratch
        .parent()
        .expect("cargo's scratch folder lies in the target folder")
        .join("outside")
}
