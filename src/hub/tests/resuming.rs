//! Sockets that resume: what opens their gates, and what does not hold them up.

use std::{
    future::Future,
    io::{self, IoSlice},
    sync::{Arc, Weak, mpsc},
    task::{Context, Waker},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::oneshot, task::yield_now, time::sleep};

use crate::{
    config::{Config, HistoryRule, Overflow},
    frame::Frame,
    hub::{
        Asked, Drained, Hub, Identity, Registration, Transport, User,
        history::{CatchUp, Resume},
        resuming::{Gated, PATIENCE},
    },
    protocol::{CloseReason, Position, SocketMessage},
};

/// A socket whose client is sent what it missed of the lobby as soon as the test says.
struct Waiting {
    hub: Arc<Hub>,
    registration: Registration,
    resume: Arc<Resume>,
    answer: oneshot::Sender<Vec<CatchUp>>,
}

impl Waiting {
    /// The client has the first of two messages, and one comes after it.
    fn new(config: Config) -> Self {
        let hub = Arc::new(Hub::new(&config.history(HistoryRule::group("lobby"))));
        let first = publish(&hub, "1");
        publish(&hub, "2");
        let ann = hub.register(Identity::user("ann").group("lobby"), User::Claimed);
        let registration = ann.expect("room in the hub");
        let asked = Asked::read([first.to_string()].into_iter());
        let Gated(resume) = registration.activate_gated(asked);
        let (answer, answered) = oneshot::channel();
        let caught_up = async move { answered.await.expect("an answer") };
        hub.resume(registration.entry(), resume.clone(), caught_up);
        publish(&hub, "3");
        Self {
            hub,
            registration,
            resume,
            answer,
        }
    }

    /// Answers with what is kept.
    async fn answer(self) -> (Arc<Hub>, Registration) {
        let streams = self.hub.history.as_ref().expect("there is a rule");
        // A task that has ended takes no answer.
        let _unheard = self.answer.send(self.resume.catch_up(streams));
        turns().await;
        (self.hub, self.registration)
    }
}

fn publish(hub: &Hub, text: &str) -> Position {
    let report = hub.broadcast(&SocketMessage::new("news").text(text).to_group("lobby"));
    *report.position().expect("the lobby has a rule")
}

async fn turns() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[derive(Default)]
struct Page(Vec<u8>);

impl Transport for Page {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices
            .iter()
            .for_each(|slice| self.0.extend_from_slice(slice));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a client is written now.
fn frames(registration: &Registration) -> Vec<Value> {
    let mut page = Page::default();
    let drained = registration.outbox().drain(&mut page).expect("it is taken");
    assert_ne!(drained, Drained::Blocked);
    let mut frames = Vec::new();
    let mut rest = &page.0[..];
    while let [first, length, behind @ ..] = rest {
        let (length, behind) = match (length, behind) {
            (126, [high, low, behind @ ..]) => {
                (usize::from(u16::from_be_bytes([*high, *low])), behind)
            }
            (length, behind) => (usize::from(*length), behind),
        };
        let (payload, behind) = behind.split_at(length);
        rest = behind;
        if *first == 0x81 {
            frames.push(serde_json::from_slice(payload).expect("JSON"));
        }
    }
    frames
}

/// What a client is told of the lobby, and the texts of messages.
fn written(registration: &Registration) -> (Value, Vec<String>) {
    let (mut told, mut texts) = (Value::Null, Vec::new());
    for frame in frames(registration) {
        if frame["action"] == "__resumed" {
            assert!(
                told.is_null() && texts.is_empty(),
                "it comes once, and first"
            );
            told = frame["streams"]["lobby"].clone();
        } else {
            texts.push(frame["message"].as_str().expect("a text").to_owned());
        }
    }
    (told, texts)
}

fn totals(hub: &Hub) -> (u64, u64) {
    let stats = hub.stats().history.expect("there is a rule");
    (stats.resumes_recovered, stats.resumes_lost)
}

const LOST: (u64, u64) = (0, 1);

#[tokio::test]
async fn what_is_known_later_opens_the_gate_then() {
    let waiting = Waiting::new(Config::new());
    turns().await;
    assert_eq!(written(&waiting.registration), (Value::Null, vec![]));
    let (hub, registration) = waiting.answer().await;
    let now = publish(&hub, "4").offset();
    let (told, texts) = written(&registration);
    assert_eq!(
        (&told["recovered"], &told["missed"]),
        (&json!(true), &json!(2))
    );
    assert_eq!((texts.concat(), now), ("234".into(), 4));
    assert_eq!(totals(&hub), (1, 0));
}

#[tokio::test]
async fn a_message_on_its_way_to_many_holds_up_no_thread() {
    let hub = Arc::new(Hub::new(
        &Config::new().history(HistoryRule::group("lobby")),
    ));
    let first = publish(&hub, "1");
    let ann = hub.register(Identity::user("ann").group("lobby"), User::Claimed);
    let registration = ann.expect("room in the hub");
    let gated = registration.activate_gated(Asked::read([first.to_string()].into_iter()));
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let slow = {
        let hub = hub.clone();
        thread::spawn(move || {
            let message = SocketMessage::new("news").text("2").to_group("lobby");
            let streams = hub.history.as_ref().expect("there is a rule");
            let kept = streams.kept_of(&message.recipients).expect("its rule");
            let plain = Frame::message(&message);
            streams.publish(kept, &message.recipients, &plain, |_| {
                begin.send(()).expect("the test waits");
                _ = released.recv_timeout(Duration::from_secs(20));
            });
        })
    };
    begun.recv().expect("it begins");
    registration.resume(gated);
    assert!(!slow.is_finished(), "it was waited for");
    drop(release);
    slow.join().expect("no panic");
    let (told, texts) = loop {
        let (told, texts) = written(&registration);
        if !told.is_null() {
            break (told, texts);
        }
        sleep(Duration::from_millis(1)).await;
    };
    assert_eq!((&told["missed"], texts.concat()), (&json!(1), "2".into()));
}

#[tokio::test]
async fn a_client_without_a_position_is_told_what_waits() {
    let hub = Arc::new(Hub::new(
        &Config::new().history(HistoryRule::group("lobby")),
    ));
    publish(&hub, "1");
    let ann = hub.register(Identity::user("ann").group("lobby"), User::Claimed);
    let registration = ann.expect("room in the hub");
    let gated = registration.activate_gated(Asked::default());
    let last = publish(&hub, "2");
    registration.resume(gated);
    let (told, texts) = written(&registration);
    // The position holds once the message is there that is still to come.
    let expected = json!({"recovered": true, "missed": 1, "position": last});
    assert_eq!((told, texts.concat()), (expected, "2".into()));
    assert_eq!(totals(&hub), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_two_seconds_and_no_longer() {
    let waiting = Waiting::new(Config::new());
    tokio::time::sleep(PATIENCE - Duration::from_millis(1)).await;
    assert_eq!(written(&waiting.registration).0, Value::Null);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let (told, texts) = written(&waiting.registration);
    assert_eq!(told, json!({"recovered": false, "reason": "timeout"}));
    assert_eq!(texts, ["3"]);
    let (hub, registration) = waiting.answer().await;
    assert_eq!(written(&registration), (Value::Null, vec![]));
    assert_eq!(totals(&hub), LOST);
}

#[tokio::test]
async fn more_than_may_wait_opens_the_gate() {
    let waiting = Waiting::new(Config::new().max_queue_bytes(2_000));
    for _ in 0..4 {
        publish(&waiting.hub, "x");
    }
    let (told, texts) = written(&waiting.registration);
    assert_eq!(told, json!({"recovered": false, "reason": "expired"}));
    assert_eq!(texts.concat(), "3xxxx");
    let (hub, registration) = waiting.answer().await;
    assert_eq!(written(&registration), (Value::Null, vec![]));
    assert_eq!(totals(&hub), LOST);
}

/// It lacks nothing, and has a position when its connection breaks.
#[tokio::test]
async fn a_client_without_a_position_has_one_if_the_gate_gives_up() {
    let rules = [HistoryRule::group("lobby"), HistoryRule::group("attic")];
    let config = rules.into_iter().fold(Config::new(), Config::history);
    let hub = Arc::new(Hub::new(&config.max_queue_bytes(4_000)));
    let ann = Identity::user("ann").group("lobby").group("attic");
    let registration = hub.register(ann, User::Claimed).expect("room in the hub");
    for is_asked in [false, true] {
        let gated = registration.activate_gated(Asked::default());
        let (answer, answered) = oneshot::channel();
        let caught_up = async move { answered.await.expect("an answer") };
        if is_asked {
            hub.resume(registration.entry(), gated.0.clone(), caught_up);
        }
        for _ in 0..12 {
            publish(&hub, "x");
        }
        if is_asked {
            turns().await;
            assert!(answer.is_closed());
        } else {
            registration.resume(gated);
        }
        let frames = frames(&registration);
        let told: Vec<_> = frames
            .iter()
            .filter(|it| it["action"] == "__resumed")
            .collect();
        let [first, lobby, attic] = &told[..] else {
            panic!("{frames:?}");
        };
        assert_eq!(frames[0], **first);
        for (name, now) in [("lobby", lobby), ("attic", attic)] {
            let place = |told: &Value| -> Position {
                let stream = &told["streams"][name];
                assert_eq!(stream["missed"], 0);
                serde_json::from_value(stream["position"].clone()).expect("a position")
            };
            assert_eq!(place(first).epoch(), 0);
            assert_eq!(place(now), hub.position(name).await.expect("it has a rule"));
        }
        // It lacks nothing.
        assert_eq!(totals(&hub), (0, 0));
    }
}

/// As a subscriber may that is told of a delivery.
#[tokio::test]
async fn a_socket_that_enters_while_its_thread_delivers_does_not_wait_for_itself() {
    let hub = Arc::new(Hub::new(
        &Config::new().history(HistoryRule::group("lobby")),
    ));
    let ann = hub.register(Identity::user("ann"), User::Claimed);
    let registration = ann.expect("room in the hub");
    registration.resume(registration.activate_gated(Asked::default()));
    frames(&registration);
    let message = SocketMessage::new("news").to_group("lobby");
    let streams = hub.history.as_ref().expect("there is a rule");
    let kept = streams.kept_of(&message.recipients).expect("its rule");
    let plain = Frame::message(&message);
    let (_, joined) = streams.publish(kept, &message.recipients, &plain, |_| {
        hub.join(registration.entry().id, "lobby")
    });
    joined.expect("an open socket");
    let told = written(&registration).0;
    let position: Position = serde_json::from_value(told["position"].clone()).expect("a position");
    assert_eq!(position.epoch(), 0, "it is not known here");
}

#[tokio::test]
async fn a_full_hub_has_no_room_for_what_was_missed() {
    let config = Config::new().overflow(Overflow::DropNewest);
    let waiting = Waiting::new(config.max_hub_queue_bytes(400));
    let (hub, registration) = waiting.answer().await;
    let (told, texts) = written(&registration);
    assert_eq!(
        (&told["reason"], texts.concat()),
        (&json!("expired"), "3".into())
    );
    assert_eq!(totals(&hub), LOST);
}

#[tokio::test]
async fn the_task_ends_with_its_socket() {
    let waiting = Waiting::new(Config::new());
    turns().await;
    let Waiting {
        hub,
        registration,
        resume,
        answer,
    } = waiting;
    drop(resume);
    let entry = Arc::downgrade(registration.entry());
    drop(registration);
    turns().await;
    assert_eq!(Weak::strong_count(&entry), 0);
    assert!(answer.is_closed());
    let stats = hub.stats();
    assert_eq!((stats.undelivered, stats.bytes_queued), (1, 0));
    assert_eq!(totals(&hub), LOST);
}

#[tokio::test]
async fn a_close_does_not_wait_for_the_answer() {
    let waiting = Waiting::new(Config::new());
    let transient = SocketMessage::new("news").text("bye").to_user("ann");
    assert_eq!(waiting.hub.broadcast(&transient).queued, 1);
    assert_eq!(waiting.hub.close_all(&CloseReason::NORMAL), 1);
    assert_eq!(
        written(&waiting.registration),
        (Value::Null, vec!["bye".into()])
    );
    let (hub, mut registration) = waiting.answer().await;
    // The client asks for it when it comes again.
    assert_eq!(registration.end(&CloseReason::LOST), 1);
    assert_eq!(totals(&hub), LOST);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_answer_before_it_closes() {
    let waiting = Waiting::new(Config::new());
    let hub = waiting.hub.clone();
    let mut shutdown = Box::pin(hub.shutdown(Duration::from_secs(10)));
    let now = &mut Context::from_waker(Waker::noop());
    assert!(shutdown.as_mut().poll(now).is_pending());
    let (hub, registration) = waiting.answer().await;
    assert_eq!(written(&registration).1.concat(), "23");
    drop(registration);
    assert_eq!(shutdown.await.cut, 0);
    let stats = hub.stats();
    assert_eq!((stats.undelivered, stats.bytes_queued), (0, 0));
    assert_eq!(totals(&hub), (1, 0));
}

#[tokio::test]
async fn a_group_that_was_left_is_replayed_no_more() {
    let hub = Arc::new(Hub::new(
        &Config::new().history(HistoryRule::group("lobby")),
    ));
    let first = publish(&hub, "1");
    publish(&hub, "2");
    let ann = hub.register(Identity::user("ann").group("lobby"), User::Claimed);
    let registration = ann.expect("room in the hub");
    let id = registration.entry().id;
    let gated = registration.activate_gated(Asked::read([first.to_string()].into_iter()));
    assert!(hub.leave(id, "lobby"));
    registration.resume(gated);
    let (told, texts) = written(&registration);
    assert_eq!(
        (&told["reason"], texts.concat()),
        (&json!("unknown"), "".into())
    );
}
