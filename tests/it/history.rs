//! What is kept of streams that have a rule: positions, their order, and what the application can ask for.

use std::{sync::Arc, thread, time::Duration};

use serde_json::Value;
use tokio::time::advance;
use web_connection_socket::{
    BroadcastReport, ConnectionId, DefaultAudience, HistoryQueryErrorKind, Hub, Position,
    Recipient, SocketMessage, StreamName, UserId, WebConnectionSocketLayer,
    config::HistoryRule,
    testing::{Client, Server},
};

use crate::support::{
    config, frame,
    http::{BROADCAST, json_of, post},
    join, news, news_to, relay, serve, soon, text,
};

struct Site {
    hub: Arc<Hub>,
    server: Server,
}

impl Site {
    fn new(rules: impl IntoIterator<Item = HistoryRule>) -> Self {
        let config = rules
            .into_iter()
            .fold(config(), |config, rule| config.history(rule));
        let layer = WebConnectionSocketLayer::new(config).relay();
        Self {
            hub: layer.hub(),
            server: serve(&layer),
        }
    }

    fn lobby() -> Self {
        Self::new([HistoryRule::group("lobby")])
    }

    fn publish(&self, text: &str) -> Position {
        position(&self.hub.broadcast(&to_lobby(text)))
    }

    /// What is kept of the lobby.
    async fn kept(&self) -> Vec<String> {
        let page = self
            .hub
            .history("lobby")
            .limit(1_000)
            .await
            .expect("a rule");
        page.messages
            .into_iter()
            .map(|kept| kept.message.message)
            .collect()
    }
}

fn to_lobby(text: &str) -> SocketMessage {
    news(text).to_group("lobby")
}

fn position(report: &BroadcastReport) -> Position {
    *report.position().expect("its stream has a rule")
}

/// The position of a frame as it came.
fn position_of(frame: &Value) -> Option<Position> {
    let text = frame.get("__position")?.as_str().expect("a string");
    Some(text.parse().expect("a position"))
}

async fn raw(client: &mut Client) -> String {
    soon("a frame", client.receive_text())
        .await
        .expect("an open socket")
}

#[tokio::test]
async fn a_message_carries_the_position_that_its_report_has() {
    let site = Site::lobby();
    let mut ann = join(&site.server, "ann", &["lobby"]).await;
    for text in ["1", "2"] {
        let report = site.hub.broadcast(&to_lobby(text));
        assert_eq!((report.matched, report.queued), (1, 1));
        let received = frame(&mut ann).await;
        assert_eq!(received["message"], text);
        assert_eq!(position_of(&received), Some(position(&report)));
    }
    // A client in Rust reads the message as it was sent.
    site.publish("3");
    let message = soon("a message", ann.receive()).await.unwrap();
    assert_eq!(message, to_lobby("3"));
}

#[tokio::test]
async fn messages_without_a_rule_carry_nothing() {
    let site = Site::new([HistoryRule::group("lobby"), HistoryRule::user("bob")]);
    let mut ann = join(&site.server, "ann", &["lobby", "attic"]).await;
    let me: ConnectionId = site.hub.sockets_of("ann")[0];
    let (lobby, attic) = (Recipient::group("lobby"), Recipient::group("attic"));
    for recipients in [
        vec![],
        vec![attic.clone()],
        vec![lobby, attic],
        vec![Recipient::group("lobby"), Recipient::user("bob")],
        vec![Recipient::user("ann")],
        vec![Recipient::connection(me)],
    ] {
        let message = news_to("1", recipients);
        let report = site.hub.broadcast(&message);
        assert_eq!((report.matched, report.position()), (1, None));
        assert_eq!(raw(&mut ann).await.as_bytes(), message.encode());
    }
    assert_eq!(site.kept().await, [""; 0]);
    let stats = site.hub.stats().history.expect("there are rules");
    assert_eq!(stats.appended, 0);
    assert_eq!(Site::new([]).hub.stats().history, None);
}

#[tokio::test]
async fn users_and_all_sockets_have_streams_as_well() {
    let site = Site::new([HistoryRule::users(), HistoryRule::all()]);
    let mut ann = join(&site.server, "ann", &[]).await;
    let ann_stream = StreamName::from(UserId::from("ann"));
    for (recipients, stream) in [
        (vec![Recipient::user("ann")], &ann_stream),
        (vec![], &StreamName::All),
        (vec![Recipient::group("")], &StreamName::All),
        (vec![Recipient::all_but_user("bob")], &StreamName::All),
    ] {
        let report = site.hub.broadcast(&news_to("1", recipients));
        let expected = position(&report);
        assert_eq!(position_of(&frame(&mut ann).await), Some(expected));
        assert_eq!(site.hub.position(stream).await.unwrap(), expected);
    }
    let page = site.hub.history(StreamName::All).await.unwrap();
    assert_eq!(page.messages.len(), 3);
    assert_eq!(page.messages[2].message.recipients.len(), 1);

    let narrow = config()
        .history(HistoryRule::all())
        .default_audience(DefaultAudience::Ungrouped);
    let hub = Hub::new(&narrow);
    assert!(hub.broadcast(&news("1")).position().is_none());
    assert!(hub.broadcast(&news("1").to_all()).position().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_publishers_agree_on_one_order_and_all_sockets_get_the_same_bytes() {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 200;
    let site = Site::new([HistoryRule::group("lobby").messages(PUBLISHERS * EACH)]);
    let mut sockets = Vec::new();
    for name in ["ann", "bob", "cleo"] {
        sockets.push(join(&site.server, name, &["lobby"]).await);
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| {
            let hub = site.hub.clone();
            thread::spawn(move || {
                let publish = |number| {
                    let text = format!("{publisher} {number}");
                    let report = hub.broadcast(&to_lobby(&text));
                    (text, position(&report))
                };
                (0..EACH).map(publish).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut frames = Vec::new();
    for socket in &mut sockets {
        let mut of_socket = Vec::new();
        for _ in 0..PUBLISHERS * EACH {
            of_socket.push(raw(socket).await);
        }
        frames.push(of_socket);
    }
    assert!(frames[0] == frames[1] && frames[1] == frames[2]);

    let page = site.hub.history("lobby").limit(usize::MAX).await.unwrap();
    let received: Vec<_> = frames[0]
        .iter()
        .map(|frame| {
            let frame: Value = serde_json::from_str(frame).unwrap();
            let text = frame["message"].as_str().unwrap().to_owned();
            (text, position_of(&frame).unwrap())
        })
        .collect();
    let kept: Vec<_> = page
        .messages
        .into_iter()
        .map(|kept| (kept.message.message, kept.position))
        .collect();
    assert_eq!(received, kept);
    for publisher in publishers {
        let reported = publisher.join().unwrap();
        let places = reported.iter().map(|known| {
            let place = received.iter().position(|it| it == known);
            place.expect("it was received with the position of its report")
        });
        assert!(places.collect::<Vec<_>>().is_sorted(), "one caller's order");
    }
}

#[tokio::test]
async fn a_page_is_read_on_from_its_end() {
    let site = Site::lobby();
    let begin = site.hub.position("lobby").await.unwrap();
    let all: Vec<_> = (0..5).map(|at| site.publish(&at.to_string())).collect();
    let texts = |page: &web_connection_socket::HistoryPage| {
        let messages = page.messages.iter();
        messages
            .map(|kept| kept.message.message.clone())
            .collect::<Vec<_>>()
    };
    let newest = site.hub.history("lobby").limit(2).await.unwrap();
    assert_eq!(
        (texts(&newest), newest.is_complete),
        (vec!["3".into(), "4".into()], true)
    );
    assert_eq!(newest.position, all[4]);
    assert_eq!(newest.messages[0].position, all[3]);
    assert_eq!(newest.messages[0].message, to_lobby("3"));

    let mut since = begin;
    let mut read = Vec::new();
    for _ in 0..4 {
        let page = site
            .hub
            .history("lobby")
            .since(&since)
            .limit(2)
            .await
            .unwrap();
        assert!(page.is_complete);
        read.push(texts(&page).concat());
        since = page.position;
    }
    assert_eq!(read, ["01", "23", "4", ""]);
    assert_eq!(since, all[4]);

    let none = site
        .hub
        .history("lobby")
        .since(&begin)
        .limit(0)
        .await
        .unwrap();
    assert_eq!((none.messages.len(), none.position), (0, begin));
}

#[tokio::test]
async fn a_page_says_when_something_before_it_is_missing() {
    let site = Site::new([HistoryRule::group("lobby").messages(2)]);
    let begin = site.hub.position("lobby").await.unwrap();
    for at in 0..3 {
        site.publish(&at.to_string());
    }
    let page = site.hub.history("lobby").since(&begin).await.unwrap();
    assert_eq!((page.messages.len(), page.is_complete), (2, false));
    // Of another process, for all that is known.
    let elsewhere = Site::lobby().publish("1");
    let page = site.hub.history("lobby").since(&elsewhere).await.unwrap();
    assert_eq!((page.messages.len(), page.is_complete), (2, false));
}

#[tokio::test]
async fn a_question_without_a_rule_or_about_another_stream_is_an_error() {
    let site = Site::new([HistoryRule::group("room:*")]);
    for stream in [
        StreamName::from("lobby"),
        StreamName::from(UserId::from("ann")),
        StreamName::from(UserId::from("")),
        StreamName::All,
    ] {
        let error = site.hub.history(&stream).await.unwrap_err();
        assert_eq!(error.kind(), HistoryQueryErrorKind::NoRule, "{stream:?}");
        let error = site.hub.position(&stream).await.unwrap_err();
        assert_eq!(error.kind(), HistoryQueryErrorKind::NoRule, "{stream:?}");
    }
    let other = site.hub.position("room:1").await.unwrap();
    let error = site.hub.history("room:2").since(&other).await.unwrap_err();
    assert_eq!(error.kind(), HistoryQueryErrorKind::OtherStream);
}

#[tokio::test(start_paused = true)]
async fn no_message_is_older_than_the_age_of_its_rule() {
    let age = Duration::from_secs(10);
    let site = Site::new([HistoryRule::group("lobby").age(age)]);
    let begin = site.hub.position("lobby").await.unwrap();
    site.publish("1");
    advance(Duration::from_secs(6)).await;
    site.publish("2");
    assert_eq!(site.kept().await, ["1", "2"]);
    advance(Duration::from_secs(5)).await;
    assert_eq!(site.kept().await, ["2"]);
    let page = site.hub.history("lobby").since(&begin).await.unwrap();
    assert_eq!((page.messages.len(), page.is_complete), (1, false));
    advance(Duration::from_secs(6)).await;
    assert_eq!(site.kept().await, [""; 0]);
}

#[tokio::test]
async fn of_a_stream_of_values_only_the_newest_is_kept() {
    let site = Site::new([HistoryRule::group("lobby").latest()]);
    site.publish("1");
    site.publish("2");
    assert_eq!(site.kept().await, ["2"]);
}

#[tokio::test]
async fn all_streams_together_stay_within_their_bound() {
    let bound = 100_000;
    let config = config()
        .history(HistoryRule::group("room:*"))
        .max_history_bytes(bound);
    let hub = WebConnectionSocketLayer::new(config).hub();
    let text = "x".repeat(1_000);
    for number in 0..1_000 {
        hub.broadcast(&news(&text).to_group(format!("room:{}", number % 200)));
        let stats = hub.stats().history.unwrap();
        assert!(stats.bytes <= bound, "{stats:?}");
    }
    let stats = hub.stats().history.unwrap();
    assert!(stats.bytes > bound / 2 && stats.evicted > 0, "{stats:?}");
    assert_eq!(stats.appended, 1_000);
    let newest = hub.history("room:199").await.unwrap();
    assert_eq!(newest.messages.len(), 1);
}

#[tokio::test]
async fn a_position_of_a_clients_own_is_never_passed_on() {
    let forged = Position::to_string(&Site::lobby().publish("1"));
    for (layer, has_rule) in [
        (relay(), false),
        (
            WebConnectionSocketLayer::new(config().history(HistoryRule::group("lobby"))).relay(),
            true,
        ),
    ] {
        let server = serve(&layer);
        let mut ann = join(&server, "ann", &["lobby"]).await;
        let mut bob = join(&server, "bob", &["lobby"]).await;
        let lobby = r#""recipients":[{"type":"group","value":"lobby"}]"#;
        for key in ["__position", "__POSITION", "\\u005f_position"] {
            let json = format!(r#"{{"action":"news",{lobby},"{key}":"{forged}"}}"#);
            ann.send_text(&json).await.unwrap();
            post(&server, BROADCAST, json).await;
            for socket in [&mut ann, &mut bob] {
                for _ in 0..2 {
                    let received = raw(socket).await;
                    assert!(!received.contains(&forged), "{received}");
                    assert_eq!(received.matches("osition").count(), usize::from(has_rule));
                }
            }
        }
        assert!(news("1").with_extra("__position", &forged).is_err());
    }
}

#[tokio::test]
async fn a_page_may_send_back_what_it_received() {
    let site = Site::lobby();
    let mut ann = join(&site.server, "ann", &["lobby"]).await;
    let first = site.publish("1");
    let received = raw(&mut ann).await;
    ann.send_text(&received).await.unwrap();
    let echo = frame(&mut ann).await;
    assert_eq!(echo["message"], "1");
    assert_ne!(position_of(&echo), Some(first));
    assert_eq!(site.kept().await, ["1", "1"]);
}

#[tokio::test]
async fn an_answer_over_http_has_a_position_if_there_is_one() {
    let site = Site::lobby();
    let answer = post(&site.server, BROADCAST, to_lobby("1").encode()).await;
    let answer = json_of(&answer);
    let position = position_of(&serde_json::json!({ "__position": answer["position"] }));
    assert_eq!(position, Some(site.hub.position("lobby").await.unwrap()));
    let answer = post(&site.server, BROADCAST, news("1").encode()).await;
    assert_eq!(json_of(&answer).get("position"), None);
}

#[tokio::test]
async fn a_report_is_settled_at_once_where_there_are_no_other_nodes() {
    let site = Site::lobby();
    let report = site.hub.broadcast(&to_lobby("1"));
    let settled = report.settled().await;
    assert_eq!(
        (settled.matched, settled.position()),
        (0, report.position())
    );
    assert!(settled.position().is_some());
}

#[tokio::test]
async fn excluded_recipients_make_no_other_stream() {
    let site = Site::lobby();
    let mut ann = join(&site.server, "ann", &["lobby"]).await;
    let mut bob = join(&site.server, "bob", &["lobby"]).await;
    let report = site.hub.broadcast(&to_lobby("1").except_user("ann"));
    assert_eq!((report.matched, report.position().is_some()), (1, true));
    site.publish("2");
    assert_eq!(text(&mut ann).await, "2");
    assert_eq!(text(&mut bob).await, "1");
    let page = site.hub.history("lobby").await.unwrap();
    let kept = &page.messages[0].message;
    assert_eq!(kept.recipients[1], Recipient::all_but_user("ann"));
}
