//! What every backplane promises to the cluster.

use std::{any::Any, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::time::timeout;
use web_connection_socket::backplane::{BackplaneErrorKind, Command};

use super::node::{A_WHILE, Broker, Node, topic, within};
use crate::support::{PATIENCE, eventually};

async fn a_message_reaches_every_subscribed_link_once_in_order_the_senders_own_included<
    B: Broker,
>() {
    let broker = B::start();
    let news = topic("all");
    let mut ann = Node::open(&broker).await;
    let mut bob = Node::open(&broker).await;
    ann.subscribe(news).await;
    // Its own probe reaches the first one as well.
    bob.subscribe(news).await;
    assert_eq!(ann.receive().await.payload, "probe");

    for batch in 0..20 {
        let messages = (0..512).map(|number| {
            let payload = Bytes::from(format!("{batch}/{number}"));
            Command::Publish(news, payload)
        });
        ann.send(messages.collect()).await.expect("confirmed");
        for number in 0..512 {
            for node in [&mut ann, &mut bob] {
                let arrival = node.receive().await;
                assert_eq!(arrival.payload, format!("{batch}/{number}"));
                assert_eq!(arrival.topic, news);
            }
        }
    }
    assert!(
        timeout(A_WHILE, bob.inlet.receive()).await.is_err(),
        "more than once"
    );
}

async fn a_link_receives_its_own_topics_alone<B: Broker>() {
    let broker = B::start();
    let mut ann = Node::open(&broker).await;
    let mut bob = Node::open(&broker).await;
    let (seven, eight) = (topic("partition/07"), topic("partition/08"));
    let own = topic("node/00000000000000ab");
    ann.subscribe(seven).await;
    ann.subscribe(own).await;
    bob.publish(eight, "not for her").await;
    bob.publish(topic("all"), "not for her").await;
    bob.publish(own, "for her").await;
    bob.publish(seven, "and this").await;
    let mut received = [ann.receive().await, ann.receive().await];
    received.sort_by_key(|arrival| arrival.topic);
    let received = received.map(|arrival| (arrival.topic, arrival.payload));
    assert_eq!(
        received,
        [(own, "for her".into()), (seven, "and this".into())]
    );
    assert!(timeout(A_WHILE, ann.inlet.receive()).await.is_err());
}

async fn a_topic_that_was_left_brings_nothing_and_can_be_entered_again<B: Broker>() {
    let broker = B::start();
    let mut ann = Node::open(&broker).await;
    let (seven, eight) = (topic("partition/07"), topic("partition/08"));
    ann.subscribe(eight).await;
    for round in 0..3 {
        ann.subscribe(seven).await;
        // Both are confirmed again, and change nothing.
        let again = vec![
            Command::Subscribe(seven),
            Command::Unsubscribe(topic("partition/09")),
        ];
        ann.send(again).await.expect("confirmed");
        ann.publish(seven, "once").await;
        assert_eq!(ann.receive().await.payload, "once", "{round}");

        let left = vec![Command::Unsubscribe(seven)];
        ann.send(left).await.expect("confirmed");
        ann.publish(seven, "late").await;
        ann.publish(eight, "end").await;
        let arrival = loop {
            let arrival = ann.receive().await;
            // A broker without confirmations may still hand over what was on its way.
            if arrival.payload != "late" {
                break arrival;
            }
        };
        assert_eq!(arrival.payload, "end");
    }
    let left = timeout(A_WHILE, ann.inlet.receive()).await;
    assert!(left.is_err(), "{left:?}");
}

async fn a_topic_that_is_left_and_entered_at_once_brings_nothing_twice_or_out_of_order<
    B: Broker,
>() {
    const ROUNDS: usize = 300;

    let broker = B::start();
    let (seven, eight) = (topic("partition/07"), topic("partition/08"));
    let mut ann = Node::open(&broker).await;
    let mut bob = Node::open(&broker).await;
    ann.subscribe(seven).await;
    ann.subscribe(eight).await;
    let Node { outlet, inlet } = &mut ann;
    let turn = async {
        for _ in 0..ROUNDS {
            let again = vec![Command::Unsubscribe(seven), Command::Subscribe(seven)];
            outlet.send(again).await.expect("confirmed");
        }
    };
    let publish = async {
        for number in 0..20 * ROUNDS {
            let payload = Bytes::from(number.to_string());
            let publish = vec![Command::Publish(seven, payload)];
            bob.send(publish).await.expect("confirmed");
        }
        // The one that ends this is on a topic that is not left, and may overtake what came there.
        bob.publish(eight, "end").await;
    };
    let receive = async {
        let (mut next, mut count) = (0, 0_usize);
        loop {
            let arrival = inlet.receive().await.expect("a link that lives");
            if arrival.topic == eight {
                break count;
            }
            let text = String::from_utf8(arrival.payload.to_vec()).expect("a text");
            let number: usize = text.parse().expect("a number");
            assert!(number >= next, "{number} after {next}");
            (next, count) = (number + 1, count + 1);
        }
    };
    let ((), (), count) = within(async { tokio::join!(turn, publish, receive) }).await;
    assert!(count > 0, "it was never subscribed");
}

async fn a_message_of_a_mebibyte_arrives_whole<B: Broker>() {
    let broker = B::start();
    let news = topic("all");
    let mut ann = Node::open(&broker).await;
    let mut bob = Node::open(&broker).await;
    ann.subscribe(news).await;
    let payload: Bytes = (0..1 << 20)
        .map(|at: u32| at.to_le_bytes()[at as usize % 3])
        .collect();
    for length in [0, 1, 65_535, 65_536, 1 << 20] {
        let payload = payload.slice(..length);
        let sent = bob
            .send(vec![Command::Publish(news, payload.clone())])
            .await;
        sent.expect("confirmed");
        assert_eq!(ann.receive().await.payload, payload, "{length}");
    }
}

async fn nothing_is_lost_while_both_halves_are_busy<B: Broker>() {
    const BATCHES: usize = 400;
    const BATCH: usize = 32;
    let broker = B::start();
    let news = topic("all");
    let mut ann = Node::open(&broker).await;
    ann.subscribe(news).await;
    let Node { outlet, inlet } = &mut ann;
    let send = async {
        for batch in 0..BATCHES {
            let numbers = batch * BATCH..(batch + 1) * BATCH;
            let payloads = numbers.map(|number| Bytes::from(number.to_string()));
            let commands = payloads.map(|payload| Command::Publish(news, payload));
            outlet.send(commands.collect()).await.expect("confirmed");
        }
    };
    let receive = async {
        for number in 0..BATCHES * BATCH {
            let arrival = inlet.receive().await.expect("a link that lives");
            assert_eq!(arrival.payload, number.to_string());
        }
    };
    within(async { tokio::join!(send, receive) }).await;
}

async fn a_receive_that_is_dropped_has_taken_nothing<B: Broker>() {
    let broker = B::start();
    let news = topic("all");
    let mut ann = Node::open(&broker).await;
    ann.subscribe(news).await;
    for number in 0..200 {
        // Asked once and dropped, before and while the message is on its way.
        assert!(ann.inlet.receive().now_or_never().is_none());
        ann.publish(news, &number.to_string()).await;
        let arrival = loop {
            match ann.inlet.receive().now_or_never() {
                Some(arrival) => break arrival.expect("a link that lives"),
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(arrival.payload, number.to_string());
    }
}

async fn dropping_either_half_ends_the_other<B: Broker>() {
    let broker = B::start();
    let news = topic("all");
    let Node { outlet, inlet } = Node::open(&broker).await;
    drop(outlet);
    let mut rest = Node::open(&broker).await;
    rest.inlet = inlet;
    rest.ended().await;

    let mut other = Node::open(&broker).await;
    other.subscribe(news).await;
    let Node { mut outlet, inlet } = other;
    drop(inlet);
    let publish = || vec![Command::Publish(news, Bytes::new())];
    let error = within(outlet.send(publish()))
        .await
        .expect_err("half a link");
    assert_eq!(error.kind(), BackplaneErrorKind::NotSent, "{error}");
}

async fn no_connection_outlives_its_link_or_a_dropped_attempt<B: Broker>() {
    let broker = B::start();
    let backplane = broker.backplane("test");
    for is_outlet in [true, false] {
        let mut node = Node::open_on(&*backplane).await;
        node.subscribe(topic("all")).await;
        let Node { outlet, inlet } = node;
        let _kept: Box<dyn Any> = match is_outlet {
            true => {
                drop(inlet);
                Box::new(outlet)
            }
            false => {
                drop(outlet);
                Box::new(inlet)
            }
        };
        eventually("the connection is closed", PATIENCE, async || {
            (broker.connections() == 0).then_some(())
        })
        .await;
    }
    for polls in 1..10 {
        let mut attempt = backplane.connect();
        for _ in 0..polls {
            if (&mut attempt).now_or_never().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(attempt);
    }
    eventually("the connections are closed", PATIENCE, async || {
        (broker.connections() == 0).then_some(())
    })
    .await;
}

async fn a_link_whose_broker_dies_is_over_at_once_and_says_what_became_of_commands<B: Broker>() {
    let mut broker = B::start();
    let news = topic("all");
    let backplane = broker.backplane("test");
    let mut ann = Node::open_on(&*backplane).await;
    ann.subscribe(news).await;
    ann.publish(news, "before").await;
    assert_eq!(ann.receive().await.payload, "before");

    broker.kill();
    ann.ended().await;
    for _ in 0..2 {
        let publish = vec![Command::Publish(news, Bytes::new())];
        let error = ann.send(publish).await.expect_err("a link that is over");
        assert_eq!(
            error.kind(),
            BackplaneErrorKind::NotSent,
            "the link was known to be over: {error}"
        );
    }
    assert!(within(ann.inlet.receive()).await.is_none(), "over is over");
    let error = within(backplane.connect()).await.err().expect("no broker");
    assert_eq!(error.kind(), BackplaneErrorKind::NotSent, "{error}");
    assert!(!error.to_string().is_empty(), "{error:?}");
}

async fn prefixes_keep_applications_apart<B: Broker>() {
    let broker = B::start();
    let news = topic("all");
    let shop = broker.backplane("shop");
    let bank = broker.backplane("bank");
    let mut ann = Node::open_on(&*shop).await;
    let mut bob = Node::open_on(&*bank).await;
    ann.subscribe(news).await;
    bob.subscribe(news).await;
    bob.publish(news, "of the bank").await;
    assert_eq!(bob.receive().await.payload, "of the bank");
    assert!(timeout(A_WHILE, ann.inlet.receive()).await.is_err());
}

async fn links_of_one_backplane_are_independent<B: Broker>() {
    let broker = B::start();
    let news = topic("all");
    let backplane = broker.backplane("test");
    let first = Node::open_on(&*backplane).await;
    let mut second = Node::open_on(&*backplane).await;
    second.subscribe(news).await;
    drop(first);
    second.publish(news, "still here").await;
    assert_eq!(second.receive().await.payload, "still here");
}

/// Each of these for each broker.
macro_rules! contract {
    ($($name:ident,)+) => {
        contract!(memory, super::super::node::Memory, $($name,)+);
        contract!(nats, brokers::Nats, $($name,)+);
        contract!(redis, brokers::Redis, $($name,)+);
    };
    ($module:ident, $broker:ty, $($name:ident,)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name::<$broker>().await;
                }
            )+
        }
    };
}

contract! {
    a_message_reaches_every_subscribed_link_once_in_order_the_senders_own_included,
    a_link_receives_its_own_topics_alone,
    a_topic_that_was_left_brings_nothing_and_can_be_entered_again,
    a_topic_that_is_left_and_entered_at_once_brings_nothing_twice_or_out_of_order,
    a_message_of_a_mebibyte_arrives_whole,
    nothing_is_lost_while_both_halves_are_busy,
    a_receive_that_is_dropped_has_taken_nothing,
    dropping_either_half_ends_the_other,
    no_connection_outlives_its_link_or_a_dropped_attempt,
    a_link_whose_broker_dies_is_over_at_once_and_says_what_became_of_commands,
    prefixes_keep_applications_apart,
    links_of_one_backplane_are_independent,
}
