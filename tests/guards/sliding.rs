use web_connection_socket::SocketMessage;

use crate::packets::Server;

#[test]
fn with_one_worker_a_sliding_window_leaves_in_few_calls() {
    let mut slide = Slide::new(Server::on_this_thread());
    let calls = slide.calls_per_delivery(20 * WINDOW);
    assert!(
        calls <= ONE_WORKER,
        "{calls} calls per delivery, {ONE_WORKER} are allowed"
    );
}

/// Threads run as the machine lets them, so it is the median of several stretches that counts.
#[test]
fn with_several_workers_a_sliding_window_leaves_in_few_calls() {
    let mut slide = Slide::new(Server::on_threads(2));
    let mut stretches = [(); 9].map(|()| slide.calls_per_delivery(10 * WINDOW));
    stretches.sort_unstable_by(f64::total_cmp);
    let calls = stretches[4];
    assert!(
        calls <= TWO_WORKERS,
        "{calls} calls per delivery, {TWO_WORKERS} are allowed"
    );
}

/// A publisher that sends the next message as soon as another has reached all sockets.
struct Slide {
    server: Server,
    message: SocketMessage,
    /// How many messages each socket has got.
    arrived: Vec<usize>,
    published: usize,
}

impl Slide {
    fn new(mut server: Server) -> Self {
        for _ in 0..SOCKETS {
            server.open("lobby", "ann");
        }
        Self {
            server,
            message: SocketMessage::new("tick").text("x".repeat(100)),
            arrived: vec![0; SOCKETS],
            published: 0,
        }
    }

    /// Publishes so many messages, and counts the writes until all have arrived.
    fn calls_per_delivery(&mut self, messages: usize) -> f64 {
        // A frame of a medium length has four bytes before its payload.
        let length = 4 + self.message.encode().len();
        let before = self.server.received().packets;
        let first = self.published;
        // How many sockets lack each message.
        let mut missing = vec![SOCKETS; messages];
        let mut complete = 0;
        while complete < messages {
            for client in 0..SOCKETS {
                self.publish(first + messages.min(complete + WINDOW));
                let arrived = self.server.read(client).bytes / length;
                for number in self.arrived[client]..arrived {
                    missing[number - first] -= 1;
                }
                self.arrived[client] = arrived;
                complete += missing[complete..]
                    .iter()
                    .take_while(|lack| **lack == 0)
                    .count();
            }
            self.server.turn();
        }
        let calls = self.server.received().packets - before;
        calls as f64 / (messages * SOCKETS) as f64
    }

    fn publish(&mut self, end: usize) {
        while self.published < end {
            assert_eq!(self.server.broadcast(&self.message), SOCKETS);
            self.published += 1;
        }
    }
}

const SOCKETS: usize = 500;
const WINDOW: usize = 32;
/// Calls per delivery: one for each window, and a little more.
const ONE_WORKER: f64 = 1.1 / WINDOW as f64;
const TWO_WORKERS: f64 = 0.15;
