use std::sync::Arc;

use axum::{Router, body::Body};
use http::{Request, request::Parts};
use tokio::{
    runtime::{Builder, Runtime},
    task::{JoinSet, yield_now},
};
use tower::Layer;

use web_connection_socket::{Config, Hub, SocketMessage, WebConnectionSocketLayer};

use crate::stream::{SilentPeer, Written};

/// A hub whose sockets have silent peers.
///
/// All its tasks run on the thread of the test, since allocations are counted by thread.
pub(crate) struct Sockets {
    runtime: Runtime,
    hub: Arc<Hub>,
    written: Arc<Written>,
    service: web_connection_socket::WebConnectionSocket<Router>,
    tasks: JoinSet<()>,
}

impl Sockets {
    pub(crate) fn new() -> Self {
        let layer = WebConnectionSocketLayer::new(Config::new());
        Self {
            runtime: Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime"),
            hub: layer.hub(),
            written: Arc::default(),
            service: layer.layer(Router::new()),
            tasks: JoinSet::new(),
        }
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    pub(crate) fn written(&self) -> &Written {
        &self.written
    }

    /// Opens sockets that are members of a group, with a browser's headers.
    pub(crate) fn open(&mut self, count: usize, group: &str) {
        let listed = self.hub.len() + count;
        self.runtime.block_on(async {
            for index in 0..count {
                let service = self.service.clone();
                let parts = parts(index, group);
                let peer = SilentPeer(self.written.clone());
                self.tasks.spawn(async move {
                    let ended = service.accept::<Body, _, _>(parts, peer).await;
                    panic!("a socket ended: {ended:?}");
                });
            }
            while self.hub.len() < listed {
                yield_now().await;
            }
            rest().await;
        });
    }

    /// Broadcasts messages at once, and returns when the sockets have written them.
    pub(crate) fn broadcast(&self, messages: &[SocketMessage]) {
        self.runtime.block_on(async {
            for message in messages {
                let report = self.hub.broadcast(message);
                assert_eq!(report.dropped, 0);
            }
            rest().await;
        });
    }
}

/// Lets every task go on until all of them wait.
async fn rest() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

fn parts(index: usize, group: &str) -> Parts {
    let mut request = Request::get(target(group, &format!("user-{index}")));
    for (name, value) in browser(index) {
        request = request.header(name, value);
    }
    request.body(()).expect("a request").into_parts().0
}

/// A browser's handshake as it is sent.
pub(crate) fn handshake(index: usize, group: &str, user: &str) -> String {
    let mut request = format!("GET {} HTTP/1.1\r\n", target(group, user));
    for (name, value) in browser(index) {
        request += &format!("{name}: {value}\r\n");
    }
    request + "\r\n"
}

pub(crate) fn target(group: &str, user: &str) -> String {
    format!("/__initializeSocket.wc?groupId={group}&userId={user}")
}

/// The headers of a browser's handshake, about 700 bytes. The session and the key are its own.
pub(crate) fn browser(index: usize) -> [(&'static str, String); 13] {
    let session = format!("{index:032x}");
    let key = format!("{index:022}==");
    [
        ("Host", "app.example"),
        ("Connection", "Upgrade"),
        ("Pragma", "no-cache"),
        ("Cache-Control", "no-cache"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/142.0.0.0 Safari/537.36",
        ),
        ("Upgrade", "websocket"),
        ("Origin", "http://app.example"),
        ("Sec-WebSocket-Version", "13"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", "en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7"),
        (
            "Cookie",
            &format!("theme=dark; visits={index}; consent=necessary; session={session}"),
        ),
        ("Sec-WebSocket-Key", &key),
        (
            "Sec-WebSocket-Extensions",
            "permessage-deflate; client_max_window_bits",
        ),
    ]
    .map(|(name, value)| (name, value.to_owned()))
}

/// Enough for whatever wakes whatever, however the engine divides its work.
const TURNS: usize = 64;
