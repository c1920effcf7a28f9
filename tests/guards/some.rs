use allocation_counter::measure;

use web_connection_socket::SocketMessage;

use crate::packets::Server;

#[test]
fn a_broadcast_to_all_over_tcp_allocates_nothing_for_a_recipient() {
    assert_allocations(&message(), SOCKETS, TO_ALL);
}

#[test]
fn a_broadcast_to_a_group_allocates_nothing_for_a_recipient() {
    assert_allocations(&message().to_group("staff"), GROUP, TO_SOME);
}

#[test]
fn a_broadcast_to_a_user_allocates_nothing_for_a_recipient() {
    assert_allocations(&message().to_user("ann"), USER, TO_SOME);
}

#[test]
fn a_broadcast_to_one_socket_allocates_nothing_for_a_recipient() {
    assert_allocations(&message().to_user("7"), 1, TO_SOME);
}

fn message() -> SocketMessage {
    SocketMessage::new("tick").text("x".repeat(100))
}

fn assert_allocations(message: &SocketMessage, recipients: usize, bound: f64) {
    let mut server = Server::on_this_thread();
    for index in 0..SOCKETS {
        let group = if index % (SOCKETS / GROUP) == 0 {
            "staff"
        } else {
            "guests"
        };
        let user = if index % (SOCKETS / USER) == 0 {
            "ann"
        } else {
            &index.to_string()
        };
        server.open(group, user);
    }
    deliver(&mut server, message);
    let before = server.received();
    let counted = measure(|| deliver(&mut server, message));
    let packets = server.received().packets - before.packets;
    assert_eq!(packets, ROUNDS * recipients);
    let each = counted.count_total as f64 / ROUNDS as f64;
    assert!(
        each <= bound,
        "{each} allocations per broadcast to {recipients} sockets, {bound} are allowed"
    );
}

/// Publishes one message after the other, each when the one before has arrived.
fn deliver(server: &mut Server, message: &SocketMessage) {
    let mut expected = server.received().packets;
    for _ in 0..ROUNDS {
        expected += server.broadcast(message);
        while server.received().packets < expected {
            server.turn();
            for client in 0..server.clients() {
                server.read(client);
            }
        }
    }
}

const SOCKETS: usize = 300;
const GROUP: usize = 100;
const USER: usize = 3;
const ROUNDS: usize = 50;
const TO_ALL: f64 = 18.0;
const TO_SOME: f64 = 6.0;
