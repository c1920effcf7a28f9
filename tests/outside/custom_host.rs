//! The example with hosts of its own, as its first line says.

use std::process::Command;

use crate::support::example;

#[test]
fn it_prints_what_its_sockets_heard_and_ends() {
    let ended = Command::new(example::build("custom_host")).output();
    let ended = ended.expect("the example that was built");
    assert!(ended.status.success(), "{ended:?}");
    let printed = String::from_utf8_lossy(&ended.stdout);
    let expected = [
        "Over a Unix socket: HELLO",
        "After an upgrade of the host's own: HELLO",
        "Without HTTP: HELLO",
        "Two hubs: sale, lunch",
        "- ann: for all",
        "- bob: for all",
    ];
    for line in expected {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
