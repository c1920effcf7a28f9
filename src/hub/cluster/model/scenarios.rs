//! What holds under all schedules.

use shuttle::thread;

use super::node::{Played, Uses, until};
use crate::{
    backplane::MemoryBackplane,
    hub::{
        cluster::{Name, partition_of},
        model::explore,
    },
    protocol::{Forwarded, Forwarding},
};

const GROUPS: [&str; 2] = ["chat", "sales"];

fn bit(group: &str) -> u64 {
    1 << partition_of(Name::Group(group))
}

/// Two nodes that know each other, of which the second has a member in the first group.
fn pair() -> ([Played; 2], [Uses; 2]) {
    let broker = MemoryBackplane::new();
    let first = Played::new(1, broker.another_node());
    let second = Played::new(2, broker);
    second.enter(bit(GROUPS[0]));
    let links = [first.link(), second.link()];
    let nodes = [first, second];
    until("the second node hears the first", &nodes, || {
        nodes[1].node.stats().nodes == 2 && is_synced(&nodes[1])
    });
    // What is missed before the first message is no gap.
    nodes[0].broadcast("start", GROUPS[0]);
    until("a message comes", &nodes, || nodes[1].sockets.has("start"));
    (nodes, links)
}

fn is_synced(node: &Played) -> bool {
    let state = node.node.state.lock();
    let (_, is_whole) = state.synced();
    is_whole && state.is_connected()
}

/// Broadcasts from a thread of its own.
fn publish(
    node: &Played,
    name: char,
    count: usize,
) -> thread::JoinHandle<Vec<(String, Forwarding)>> {
    let node = node.clone();
    thread::spawn(move || {
        let texts = (0..count).map(|number| format!("{name}{number}"));
        let sent = texts.map(|text| {
            let forwarding = node.broadcast(&text, GROUPS[0]);
            (text, forwarding)
        });
        sent.collect()
    })
}

/// Whether the messages of each thread are in their order.
fn is_in_order(texts: &[String]) -> bool {
    ['a', 'b'].iter().all(|name| {
        let own = texts.iter().filter_map(|text| text.strip_prefix(*name));
        let own = own.map(|number| number.parse().expect("a number"));
        own.collect::<Vec<usize>>()
            .is_sorted_by(|one, next| one < next)
    })
}

fn end([first, second]: &[Played; 2], links: [Uses; 2]) {
    first.way.broker.cut();
    second.way.broker.cut();
    links.into_iter().for_each(Uses::ended);
}

/// Links end under the publishers and the subscriber, whichever way their tasks stand.
fn lose_links(lose: [bool; 2]) {
    let (nodes, links) = pair();
    let [first, second] = &nodes;
    let publishers = [publish(first, 'a', 3), publish(first, 'b', 2)];
    let mut kept = Vec::new();
    for ((node, link), is_lost) in nodes.iter().zip(links).zip(lose) {
        if is_lost {
            node.way.broker.disconnect();
            link.ended();
            kept.push(node.link());
        } else {
            kept.push(link);
        }
    }
    let sent = publishers.map(|publisher| publisher.join().expect("no panic"));
    let sent = sent.concat();
    until("the second node has its marks", &nodes, || {
        is_synced(second)
    });
    // The last message of all shows what was missed before it.
    first.broadcast("end", GROUPS[0]);
    until("the end comes", &nodes, || second.sockets.has("end"));
    let texts = second.sockets.texts();
    assert!(is_in_order(&texts), "{texts:?}");
    let (received, missing) = second.heard();
    assert_eq!(received as usize, texts.len());
    assert_eq!(received + missing, sent.len() as u64 + 2, "{texts:?}");
    let kept = <[Uses; 2]>::try_from(kept).ok().expect("two links");
    end(&nodes, kept);
    let (mut yes, mut no, mut unknown) = (0, 0, 0);
    for (text, forwarding) in &sent {
        let settled = match forwarding {
            Forwarding::Settled(settled) => *settled,
            Forwarding::Pending(receipt) => receipt.peek().expect("all is settled"),
        };
        match settled {
            Forwarded::Yes => {
                yes += 1;
                assert!(lose[1] || second.sockets.has(text), "{text}");
            }
            Forwarded::No(_) => {
                no += 1;
                assert!(!second.sockets.has(text), "{text}");
            }
            Forwarded::Unknown => unknown += 1,
        }
    }
    let stats = first.node.stats();
    // And the first and the last.
    assert_eq!(stats.forwarded + stats.unknown, yes + unknown + 2);
    assert_eq!((stats.unknown, stats.not_forwarded), (unknown, no));
}

#[test]
fn what_a_publisher_loses_is_told_and_reported() {
    explore(|| lose_links([true, false]));
}

#[test]
fn what_a_subscriber_loses_is_reported() {
    explore(|| lose_links([false, true]));
}

#[test]
fn what_both_lose_is_reported() {
    explore(|| lose_links([true, true]));
}

#[test]
fn nothing_is_lost_without_a_fault() {
    explore(|| lose_links([false, false]));
}

/// The subscription of a group without members runs out as another thread enters it.
#[test]
fn the_broker_is_told_in_order_what_is_wanted() {
    explore(|| {
        let node = Played::new(1, MemoryBackplane::new());
        let link = node.link();
        let chat = bit(GROUPS[0]);
        for _ in 0..4 {
            node.enter(chat);
            node.leave(chat);
            node.wait();
            let waiting = {
                let node = node.clone();
                thread::spawn(move || node.wait())
            };
            node.enter(chat);
            waiting.join().expect("no panic");
            // What was queued before it is done as well.
            let Forwarding::Pending(last) = node.broadcast("last", GROUPS[1]) else {
                panic!("there is a link");
            };
            until("the last of them is sent", &[], || last.peek().is_some());
            let (subscribed, wanted) = node.subscriptions();
            assert_eq!(subscribed, wanted);
        }
        node.way.broker.cut();
        link.ended();
    });
}

/// Threads enter groups and leave them while a link turns: messages arrive then.
#[test]
fn messages_arrive_for_groups_that_were_entered_while_a_link_turned() {
    explore(|| {
        let (nodes, [of_first, of_second]) = pair();
        let [first, second] = &nodes;
        let walkers = GROUPS.map(|group| {
            let node = second.clone();
            thread::spawn(move || {
                node.enter(bit(group));
                node.leave(bit(group));
                node.wait();
                node.wait();
                node.enter(bit(group));
            })
        });
        second.way.broker.disconnect();
        of_second.ended();
        let of_second = second.link();
        for walker in walkers {
            walker.join().expect("no panic");
        }
        until("its marks come", &nodes, || {
            is_synced(second) && second.node.stats().partitions == 2
        });
        for group in GROUPS {
            first.broadcast(group, group);
        }
        until("a message of each group comes", &nodes, || {
            GROUPS.iter().all(|group| second.sockets.has(group))
        });
        let (subscribed, wanted) = second.subscriptions();
        assert_eq!(subscribed, wanted);
        end(&nodes, [of_first, of_second]);
    });
}
