//! The list of users online: the guide's recipe, among sockets that open and leave at once.

mod recipe;

use std::collections::BTreeSet;

use tokio::{task::JoinHandle, time::timeout};
use web_connection_socket::{
    CloseReason, SocketMessage,
    testing::{Client, Server},
};

use self::recipe::with_online;
use crate::support::{PATIENCE, join, relay, serve, soon, spawn};

const PAGES: usize = 8;
const ROUNDS: usize = 20;

#[test]
fn the_guide_shows_this_recipe() {
    let guide = include_str!("../../src/guide/messages.md");
    let recipe = include_str!("online/recipe.rs");
    assert!(guide.contains(recipe), "the guide shows another recipe");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_open_at_once_all_know_each_other() {
    for round in 0..ROUNDS {
        let layer = with_online(relay());
        let server = serve(&layer);
        let everyone: BTreeSet<_> = (0..PAGES).map(name).collect();
        let opening: Vec<_> = (0..PAGES)
            .map(|n| open(&server, n, everyone.clone()))
            .collect();
        let mut pages = Vec::new();
        for page in opening {
            pages.push(page.await.expect("a page that opens"));
        }
        for page in &pages {
            assert_eq!(page.online, everyone, "in round {round}");
        }

        // Half of them leave at once, while as many open a second tab.
        let staying = pages.split_off(PAGES / 2);
        let leaving: Vec<_> = pages.into_iter().map(|page| spawn(page.leave())).collect();
        let tabs: Vec<_> = (PAGES / 2..PAGES)
            .map(|n| open(&server, n, BTreeSet::new()))
            .collect();
        for left in leaving {
            left.await.expect("a page that leaves");
        }
        let remaining: BTreeSet<_> = (PAGES / 2..PAGES).map(name).collect();
        let mut all = staying;
        for tab in tabs {
            all.push(tab.await.expect("a page that opens"));
        }
        // Kept until all are judged: a page that is dropped leaves.
        for page in &mut all {
            page.follow_until(&remaining).await;
            assert_eq!(page.online, remaining, "in round {round}");
        }
    }
}

#[tokio::test]
async fn a_user_leaves_with_the_last_tab() {
    let layer = with_online(relay());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    assert_eq!(
        heard(&mut ann).await,
        ("online".into(), r#"["ann"]"#.into())
    );
    let mut first = join(&server, "bob", &[]).await;
    assert_eq!(
        heard(&mut first).await,
        ("online".into(), r#"["ann","bob"]"#.into())
    );
    let mut second = join(&server, "bob", &[]).await;
    heard(&mut second).await;
    assert_eq!(heard(&mut ann).await, ("joined bob".into(), String::new()));

    first.close(CloseReason::NORMAL).await.unwrap();
    second
        .send(&SocketMessage::new("still here"))
        .await
        .unwrap();
    // Neither the second tab nor the end of the first was news.
    assert_eq!(heard(&mut ann).await.0, "still here");
    second.close(CloseReason::NORMAL).await.unwrap();
    assert_eq!(heard(&mut ann).await, ("left bob".into(), String::new()));
}

/// What a page shows: it replaces its list by one that it gets, and keeps it by the news.
struct Page {
    client: Client,
    online: BTreeSet<String>,
}

impl Page {
    async fn follow_until(&mut self, expected: &BTreeSet<String>) {
        let following = async {
            while !self.online.is_superset(expected) || self.online.len() != expected.len() {
                let message = self.client.receive().await.expect("an open socket");
                let user = message.user_id.as_str().to_owned();
                match message.action.as_str() {
                    "online" => self.online = message.parse_json().expect("a list of names"),
                    "joined" => drop(self.online.insert(user)),
                    "left" => drop(self.online.remove(&user)),
                    other => panic!("{other}"),
                }
            }
        };
        // What it shows by then is what the test judges.
        let _late = timeout(PATIENCE, following).await;
    }

    async fn leave(self) {
        let closed = self.client.close(CloseReason::NORMAL).await;
        closed.expect("an open socket");
    }
}

/// Opens a page and lets it follow the news until it shows these, or anything if there are none.
fn open(server: &Server, n: usize, expected: BTreeSet<String>) -> JoinHandle<Page> {
    let server = server.clone();
    spawn(async move {
        let mut page = Page {
            client: join(&server, &name(n), &[]).await,
            online: BTreeSet::new(),
        };
        page.follow_until(&expected).await;
        page
    })
}

fn name(n: usize) -> String {
    format!("user{n}")
}

/// A message's action, with its user where it has no text, and the text.
async fn heard(client: &mut Client) -> (String, String) {
    let message = soon("a message", client.receive())
        .await
        .expect("a message");
    let SocketMessage {
        action,
        message,
        user_id,
        ..
    } = message;
    let action = format!("{action} {user_id}").trim_end().to_owned();
    (action, message)
}
