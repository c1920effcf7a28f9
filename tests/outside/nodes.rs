//! The cluster example: two programs and a broker, as the README starts them.

use std::process::Command;

use brokers::{Nats, Redis};
use serde_json::json;

use crate::support::{
    PATIENCE, axe,
    browser::{Browser, Viewport},
    nodes::ExampleNode,
    outside_dir,
    process::{Process, script},
    scratch::Scratch,
};

#[tokio::test]
async fn scripts_see_two_nodes_that_meet_part_and_meet_again() {
    let mut redis = Redis::start();
    let url = redis.url();
    let options = ["--redis", &*url];
    let nodes = [
        ExampleNode::start(&options).await,
        ExampleNode::start(&options).await,
    ];
    let first = nodes[0].state().await["node"].clone();
    let second = nodes[1].state().await["node"].clone();
    for (node, id) in nodes.iter().zip([&first, &second]) {
        let met = node
            .until("the nodes meet", |state| nodes_of(state) == 2)
            .await;
        assert_eq!((&met["node"], &met["connected"]), (id, &json!(true)));
        assert!(met["nodes"].as_array().expect("a list").contains(&first));
        assert!(met["nodes"].as_array().expect("a list").contains(&second));
        assert_eq!((&met["gaps"], &met["sockets"]), (&json!(0), &json!(0)));
    }
    redis.kill();
    nodes[0]
        .until("the link is over", |state| state["connected"] == false)
        .await;
    redis.start_again();
    nodes[0]
        .until("the link is back", |state| state["connected"] == true)
        .await;
}

#[tokio::test]
async fn a_node_without_a_broker_is_alone() {
    let node = ExampleNode::start(&[]).await;
    let state = node
        .until("it is up", |state| state["connected"] == true)
        .await;
    assert_eq!(nodes_of(&state), 1);
}

#[tokio::test]
async fn pages_on_two_nodes_talk_and_show_where_everyone_is() {
    let nats = Nats::start();
    let url = nats.url();
    let options = ["--nats", &*url];
    let nodes = [
        ExampleNode::start(&options).await,
        ExampleNode::start(&options).await,
    ];
    let second = nodes[1].state().await["node"].clone();
    let bob = Browser::start(Viewport::default()).await;
    bob.go_to(&nodes[1].url("/?name=bob")).await;
    for (name, viewport) in viewports() {
        let ann = Browser::start(viewport).await;
        ann.go_to(&nodes[0].url("/?name=ann")).await;
        ann.until("document.querySelector('#state').dataset.state === 'online'")
            .await;
        shows_both(&ann).await;
        bob.type_into("#text", &format!("hello {name} <b>")).await;
        bob.click("#send").await;
        let said = format!("hello {name} <b>");
        let last = "document.querySelector('#log article:last-child')?.textContent";
        ann.until(&format!("{last}?.includes('{said}')")).await;
        let where_from: String = ann
            .evaluate("return document.querySelector('#log article:last-child .node').title")
            .await;
        assert_eq!(json!(where_from), second);
        let lobby =
            "[...document.querySelectorAll('#lobby li')].map(name => name.textContent).join()";
        ann.until(&format!("{lobby} === 'ann,bob'")).await;
        // What was said on the other node stays for those who come later.
        ann.go_to(&nodes[0].url("/?name=ann")).await;
        ann.until(&format!("{last}?.includes('{said}')")).await;
        ann.until(&format!("{lobby} === 'ann,bob'")).await;
        shows_both(&ann).await;
        ann.until("document.querySelector('#broker').dataset.connected === 'true'")
            .await;

        let file = outside_dir().join(format!("nodes-{name}.png"));
        std::fs::write(file, ann.screenshot().await).expect("a file below the target folder");
        let fits = "const { scrollWidth, clientWidth } = document.documentElement;
            return scrollWidth <= clientWidth";
        assert!(ann.evaluate::<bool>(fits).await, "{name} scrolls sideways");
        let violations = axe::violations(&ann).await;
        assert!(violations.is_empty(), "{name}: {violations:#?}");
    }
    drop(nats);
    bob.until("document.querySelector('#broker').dataset.connected === 'false'")
        .await;
}

#[tokio::test]
async fn what_is_said_while_a_node_is_restarted_appears_once() {
    let redis = Redis::start();
    let url = redis.url();
    let options = ["--redis", &*url];
    let (mut first, second) =
        tokio::join!(ExampleNode::start(&options), ExampleNode::start(&options));
    let (ann, bob) = tokio::join!(
        Browser::start(Viewport::default()),
        Browser::start(Viewport::default())
    );
    ann.go_to(&first.url("/?name=ann")).await;
    bob.go_to(&second.url("/?name=bob")).await;
    for page in [&ann, &bob] {
        page.until("document.querySelectorAll('#lobby li').length === 2")
            .await;
    }
    say(&bob, "before").await;
    ann.until(&format!("{LAST}?.endsWith(': before')")).await;
    let mut expected = vec!["before".to_owned()];
    for round in 0..2 {
        first.kill();
        ann.until("document.querySelector('#state').dataset.state === 'offline'")
            .await;
        for number in 0..5 {
            let text = format!("meanwhile {round} {number}");
            say(&bob, &text).await;
            expected.push(text);
        }
        first.start_again(&options).await;
        ann.until(&format!("{LAST}?.endsWith(': meanwhile {round} 4')"))
            .await;
        assert_eq!(ann.evaluate::<Vec<String>>(SAID).await, expected);
    }
    // Nothing was to be told of.
    assert_eq!(ann.evaluate::<usize>(NOTICES).await, 0);
}

#[tokio::test]
async fn pages_that_are_cut_off_again_and_again_miss_nothing_over_redis() {
    let redis = Redis::start();
    pages_miss_nothing(&["--redis", &redis.url()]).await;
}

#[tokio::test]
async fn pages_that_are_cut_off_again_and_again_miss_nothing_over_jetstream() {
    let folder = Scratch::new("jetstream");
    let path = folder.path().to_str().expect("a path of letters");
    let nats = Nats::with(&["--jetstream", "--store_dir", path]);
    pages_miss_nothing(&["--nats", &nats.url(), "--jetstream"]).await;
}

async fn pages_miss_nothing(options: &[&str]) {
    let nodes = [
        ExampleNode::start(options).await,
        ExampleNode::start(options).await,
    ];
    for node in &nodes {
        node.until("the nodes meet", |state| nodes_of(state) == 2)
            .await;
    }
    let mut pages = Command::new("node");
    pages
        .arg(script("cuts.mjs"))
        .arg(outside_dir().join("node_modules/ws/wrapper.mjs"))
        .arg("lobby")
        .arg(nodes.each_ref().map(|node| node.url("")).join(","));
    let mut pages = Process::start("cuts", pages);
    pages.succeeds_within(PATIENCE * 8).await;
    // With so few messages none is too old to be sent again. A store that a busy machine holds up for 250 ms
    // leaves a gap, which pages are told.
    let log = pages.log();
    let told = log
        .lines()
        .find(|line| line.contains(" connections of "))
        .expect("a total");
    let mut numbers = told
        .split(' ')
        .filter_map(|word| word.parse::<usize>().ok());
    let (connections, gaps) = (numbers.next(), numbers.next_back());
    assert!(
        gaps.zip(connections)
            .is_some_and(|(gaps, of)| gaps * 20 <= of),
        "{log}"
    );
}

const LAST: &str = "document.querySelector('#log article:last-child')?.textContent";

const SAID: &str = "return [...document.querySelectorAll('#log article')]
    .map(article => article.textContent.split(': ').at(-1))";

const NOTICES: &str = "return document.querySelectorAll('#log .notice').length";

async fn say(page: &Browser, text: &str) {
    page.type_into("#text", text).await;
    page.click("#send").await;
    page.until(&format!("{LAST}?.endsWith(': {text}')")).await;
}

/// Waits until a page shows where Ann is, and where Bob.
async fn shows_both(ann: &Browser) {
    let other = "[...document.querySelectorAll('#nodes li:not([data-own])')]";
    ann.until(&format!(
        "{other}.some(node => node.textContent.includes('bob'))"
    ))
    .await;
    ann.until("document.querySelector('#nodes li[data-own]')?.textContent.includes('ann')")
        .await;
}

fn viewports() -> impl Iterator<Item = (String, Viewport)> {
    let screens = [("phone", 390, 844, true), ("desk", 1280, 800, false)];
    screens
        .into_iter()
        .zip([true, false])
        .map(|(screen, is_dark)| {
            let (name, width, height, is_phone) = screen;
            let viewport = Viewport {
                width,
                height,
                is_phone,
                is_dark,
            };
            (name.to_owned(), viewport)
        })
}

fn nodes_of(state: &serde_json::Value) -> usize {
    state["nodes"].as_array().expect("a list").len()
}
