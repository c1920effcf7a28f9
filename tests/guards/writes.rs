use web_connection_socket::SocketMessage;

use crate::support::Sockets;

#[test]
fn what_is_queued_for_a_socket_leaves_in_one_call_or_two() {
    let mut sockets = Sockets::new();
    sockets.open(10, "");
    let queued = vec![SocketMessage::new("tick").text("x".repeat(100)); 32];
    let before = sockets.written().calls();
    sockets.broadcast(&queued);
    let calls = sockets.written().calls() - before;
    assert!(sockets.written().bytes() > 10 * 32 * 100);
    assert!(
        calls <= 10 * 2,
        "{calls} calls for 32 messages to 10 sockets"
    );
}

#[test]
fn one_message_is_one_call_per_socket_of_its_group_and_none_for_the_others() {
    let mut sockets = Sockets::new();
    sockets.open(10, "staff");
    sockets.open(90, "guests");
    let message = SocketMessage::new("tick").text("hello").to_group("staff");
    let before = sockets.written().calls();
    assert_eq!(sockets.hub().broadcast(&message).queued, 10);
    sockets.broadcast(&[]);
    assert_eq!(sockets.written().calls() - before, 10);
}
