//! Who is in a group whose members are on several nodes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use web_connection_socket::{
    Config, Hub, Presence, PresenceChange, WebConnectionSocketLayer,
    backplane::{Backplane, Command, MemoryBackplane, Topic},
    config::PresenceRule,
    testing::{Client, Server},
};

use crate::support::{frame, join, leave, serve};

/// One node, and what its application was told.
struct Node {
    hub: Arc<Hub>,
    server: Server,
    backplane: MemoryBackplane,
    told: Told,
}

/// Changes in short, and when they were told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(Instant, String)>>>);

impl Told {
    fn all(&self) -> Vec<String> {
        let told = self.0.lock().expect("no panic");
        told.iter().map(|(_, text)| text.clone()).collect()
    }

    /// When this was told; it must have been once.
    fn once(&self, text: &str) -> Instant {
        let told = self.0.lock().expect("no panic");
        let mut when = told.iter().filter(|(_, seen)| seen == text);
        let (first, second) = (when.next(), when.next());
        assert!(second.is_none(), "{told:?}");
        first.unwrap_or_else(|| panic!("{text}: {told:?}")).0
    }
}

impl Node {
    fn start(backplane: &MemoryBackplane) -> Self {
        let told = Told::default();
        let list = told.clone();
        let config = Config::new()
            .ping_interval(Duration::from_secs(24 * 3_600))
            .presence(PresenceRule::group("lobby"))
            .presence(PresenceRule::group("room:*"));
        let layer = WebConnectionSocketLayer::new(config).backplane(backplane.clone());
        let layer = layer.on_presence(move |change| {
            let text = match change {
                PresenceChange::Joined { user, .. } => format!("+{user}"),
                PresenceChange::Left { user, cause, .. } => format!("-{user} {cause}"),
                _ => String::new(),
            };
            let mut told = list.0.lock().expect("no panic");
            told.push((Instant::now(), text));
        });
        Self {
            hub: layer.hub(),
            server: serve(&layer),
            backplane: backplane.clone(),
            told,
        }
    }

    fn lobby(&self) -> Presence {
        self.hub.presence("lobby")
    }

    /// The members as this node knows them, with their sockets.
    fn members(&self) -> Vec<(String, usize)> {
        let members = self.lobby().members.into_iter();
        members
            .map(|member| (member.user.into(), member.sockets))
            .collect()
    }

    async fn join(&self, user: &str) -> Client {
        join(&self.server, user, &["lobby"]).await
    }
}

async fn nodes<const N: usize>() -> [Node; N] {
    let first = MemoryBackplane::new();
    let nodes = std::array::from_fn(|at| match at {
        0 => Node::start(&first),
        _ => Node::start(&first.another_node()),
    });
    for node in &nodes {
        node.hub.cluster().connected().await;
        eventually(|| node.hub.cluster().nodes().len() == N).await;
        eventually(|| node.lobby().is_complete).await;
    }
    nodes
}

/// Waits, on a paused clock at most two minutes, until a condition holds.
async fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never held");
        sleep(Duration::from_millis(5)).await;
    }
}

fn named(members: &[(&str, usize)]) -> Vec<(String, usize)> {
    let members = members.iter();
    members
        .map(|(user, sockets)| ((*user).to_owned(), *sockets))
        .collect()
}

/// Waits for a frame that tells of a change, and returns whom it names as joined and as left.
async fn notice(client: &mut Client) -> (Value, Value) {
    let frame = frame(client).await;
    assert_eq!(frame["action"], "__presence", "{frame}");
    (frame["joined"].clone(), frame["left"].clone())
}

#[tokio::test(start_paused = true)]
async fn each_node_tells_of_the_members_of_all() {
    let [first, second] = nodes().await;
    let path = "/?userId=ann&groupId=lobby&presence=lobby";
    let mut ann = first.server.connect(path).await.unwrap();
    assert_eq!(
        notice(&mut ann).await,
        (json!([{ "userId": "ann" }]), json!([]))
    );
    let bob = second.join("bob").await;
    let socket = second.hub.sockets_of("bob")[0];
    second.hub.set_presence(socket, &"away").unwrap();
    let (joined, _) = notice(&mut ann).await;
    assert_eq!(joined[0]["userId"], "bob");
    eventually(|| {
        first
            .lobby()
            .members
            .iter()
            .any(|one| one.info() == Some("\"away\""))
    })
    .await;
    let _tab = second.join("ann").await;
    let _nameless = second.join("").await;
    let all = named(&[("ann", 2), ("bob", 1)]);
    for node in [&first, &second] {
        eventually(|| node.members() == all && node.lobby().count == 3).await;
        assert!(node.lobby().is_complete);
        assert_eq!(node.lobby().sockets, 4);
    }
    leave(bob, &second.hub).await;
    let left = Instant::now();
    loop {
        if notice(&mut ann).await.1 == json!([{ "userId": "bob" }]) {
            break;
        }
    }
    assert!(left.elapsed() >= Duration::from_secs(10));
    for node in [&first, &second] {
        eventually(|| node.told.all() == ["+ann", "+bob", "-bob closed"]).await;
        assert_eq!(node.members(), named(&[("ann", 2)]));
    }
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_node_that_died_leave_once_and_in_time_unless_they_moved() {
    let [first, second, third] = nodes().await;
    let _zed = second.join("zed").await;
    let _eve = second.join("eve").await;
    for node in [&first, &third] {
        eventually(|| node.members() == named(&[("eve", 1), ("zed", 1)])).await;
    }
    let died = Instant::now();
    second.backplane.cut();
    sleep(Duration::from_secs(3)).await;
    let _moved = third.join("eve").await;
    for node in [&first, &third] {
        eventually(|| node.members() == named(&[("eve", 1)])).await;
        let told = node.told.once("-zed node_gone");
        assert!(told - died <= Duration::from_secs(18), "{:?}", told - died);
        assert_eq!(node.told.all().len(), 3, "{:?}", node.told.all());
    }
    // It was not dead: its members are back, and it has missed nothing for good.
    second.backplane.restore();
    for node in [&first, &second, &third] {
        eventually(|| node.members() == named(&[("eve", 2), ("zed", 1)])).await;
        eventually(|| node.lobby().is_complete).await;
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(first.told.all()[3..], ["+zed"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_could_not_hear_the_others_catches_up() {
    let [first, second] = nodes().await;
    let _ann = first.join("ann").await;
    let bob = first.join("bob").await;
    eventually(|| second.members().len() == 2).await;
    second.backplane.cut();
    eventually(|| !second.lobby().is_complete).await;
    leave(bob, &first.hub).await;
    let _eve = first.join("eve").await;
    let _joe = second.join("joe").await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(
        second.members(),
        named(&[("ann", 1), ("bob", 1), ("joe", 1)])
    );
    assert_eq!(first.members(), named(&[("ann", 1), ("eve", 1)]));
    second.backplane.restore();
    let all = named(&[("ann", 1), ("eve", 1), ("joe", 1)]);
    for node in [&first, &second] {
        eventually(|| node.members() == all && node.lobby().is_complete).await;
    }
    assert_eq!(
        second.told.all().last().map(String::as_str),
        Some("-bob lost")
    );

    // And so does one that has started only now.
    let late = Node::start(&first.backplane.another_node());
    eventually(|| late.members() == all && late.lobby().is_complete).await;
    eventually(|| late.told.all().len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_hears_of_a_group_that_it_is_asked_for() {
    let broker = MemoryBackplane::new();
    // Without a function that is told of all groups.
    let start = |backplane: MemoryBackplane| {
        let config = Config::new()
            .ping_interval(Duration::from_secs(24 * 3_600))
            .presence(PresenceRule::group("room:*"));
        WebConnectionSocketLayer::new(config).backplane(backplane)
    };
    let (first, second) = (start(broker.clone()), start(broker.another_node()));
    let (server, other) = (serve(&first), serve(&second));
    let (first, second) = (first.hub(), second.hub());
    for hub in [&first, &second] {
        eventually(|| hub.cluster().nodes().len() == 2).await;
    }
    let _ann = join(&server, "ann", &["room:1"]).await;
    assert_eq!(
        second.stats().cluster.map(|stats| stats.partitions),
        Some(0)
    );
    assert!(!second.presence("room:1").is_complete);
    eventually(|| second.presence("room:1").is_complete).await;
    assert_eq!(second.presence("room:1").users, 1);
    assert_eq!(
        second.stats().cluster.map(|stats| stats.partitions),
        Some(1)
    );
    // A watcher needs nothing more.
    let mut eve = join(&other, "eve", &[]).await;
    second
        .watch_presence(second.sockets_of("eve")[0], "room:2")
        .unwrap();
    assert_eq!(frame(&mut eve).await["count"], 0);
    let _bob = join(&server, "bob", &["room:2"]).await;
    assert_eq!(frame(&mut eve).await["joined"][0]["userId"], "bob");
}

/// Waits for the next report of members, and returns where and what it was.
async fn overhear(backplane: &MemoryBackplane) -> (Topic, Vec<u8>) {
    let (mut outlet, mut inlet) = backplane.another_node().connect().await.expect("a link");
    let topics = (0..64).map(|at| format!("partition/{at:02}").parse().expect("a topic"));
    let sent = outlet.send(topics.map(Command::Subscribe).collect()).await;
    sent.expect("the broker has it");
    loop {
        let arrival = inlet.receive().await.expect("a link");
        if arrival.payload[4] == 8 {
            return (arrival.topic, arrival.payload.to_vec());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_node_would_say_of_members_is_dropped_and_counted() {
    let [first, second] = nodes().await;
    let ((topic, report), _ann) = tokio::join!(overhear(&first.backplane), async {
        sleep(Duration::from_millis(100)).await;
        first.join("ann").await
    });
    eventually(|| second.members() == named(&[("ann", 1)])).await;
    let at = |text: &[u8]| {
        let mut windows = report.windows(text.len());
        let at = windows.position(|window| window == text);
        at.expect("it is there")
    };
    let forge = |at: usize, byte: u8| {
        let mut forged = report.clone();
        // The number of the next report.
        forged[39 + 7] += 1;
        forged[at] = byte;
        forged
    };
    let cause = at(b"ann") + 3 + 8;
    let (mut outlet, _inlet) = first.backplane.another_node().connect().await.unwrap();
    let before = second.hub.stats().cluster.expect("a backplane").garbage;
    for forged in [
        // A group of another partition, a cause that is none, a node that does not exist.
        forge(at(b"lobby"), b'h'),
        forge(cause, 9),
        forge(6, report[6] ^ 1),
    ] {
        let command = Command::Publish(topic, forged.into());
        outlet.send(vec![command]).await.unwrap();
    }
    eventually(|| second.hub.stats().cluster.expect("a backplane").garbage == before + 2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(second.members(), named(&[("ann", 1)]));
    assert_eq!(second.told.all(), ["+ann"]);
    assert!(second.lobby().is_complete);
}
