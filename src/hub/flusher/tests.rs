use std::io::{self, IoSlice};

use super::*;
use crate::{
    config::Config,
    hub::{Hub, Identity, SharedTransport, Transport, User},
    protocol::SocketMessage,
};

#[derive(Debug)]
struct Sink;

impl SharedTransport for Sink {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

impl Transport for Sink {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        SharedTransport::try_write(self, slices)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_runtime_that_ends_leaves_no_socket_behind() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let registration = runtime.block_on(async {
        let ann = hub.register(Identity::user("ann"), User::Claimed);
        let registration = ann.expect("room in the hub");
        registration.list();
        registration.share(Arc::new(Sink));
        assert!(registration.outbox().drain(&mut Sink).is_ok());
        registration
    });
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
    let peer = Arc::downgrade(registration.peer());
    drop(runtime);
    drop(registration);
    assert_eq!(peer.strong_count(), 0);
    assert_eq!(hub.stats().undelivered, 1);
    assert_eq!(hub.stats().bytes_queued, 0);
}

#[tokio::test]
async fn what_nobody_is_left_to_take_is_not_charged() {
    let hub = Arc::new(Hub::new(&Config::new()));
    let registration = hub.register(Identity::user("ann"), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.list();
    registration.share(Arc::new(Sink));
    assert_eq!(hub.broadcast(&SocketMessage::new("x")).queued, 1);
    drop(registration);
    // The flusher has its turns: it finds a message and nobody who follows.
    for _ in 0..2 * TURNS_TO_GATHER {
        yield_now().await;
    }
    let stats = hub.stats();
    assert_eq!((stats.undelivered, stats.bytes_queued), (1, 0));
}
