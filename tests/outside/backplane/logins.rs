//! Passwords, tokens and permissions.

use brokers::{Nats, Redis};
use bytes::Bytes;
use web_connection_socket::backplane::{
    Backplane, BackplaneErrorKind, Command, NatsBackplane, RedisBackplane,
};

use super::node::{Node, topic, within};

async fn refusal(backplane: &dyn Backplane) -> String {
    let error = within(backplane.connect()).await.err().expect("a refusal");
    assert_eq!(error.kind(), BackplaneErrorKind::NotSent);
    error.to_string()
}

#[tokio::test]
async fn redis_lets_in_who_has_the_password_and_says_what_is_wrong_with_another() {
    let redis = Redis::with(&["--requirepass", "open:sesame"]);
    let address = redis.address();
    for login in ["", ":hunter2@", "ann:hunter2@"] {
        let wrong = RedisBackplane::new(&format!("redis://{login}{address}/")).expect("a URL");
        let text = refusal(&wrong).await;
        let expected = format!("redis://{address} did not accept the user and password");
        assert!(text.starts_with(&expected), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    for login in [":open%3Asesame@", "default:open%3Asesame@"] {
        let right = RedisBackplane::new(&format!("redis://{login}{address}/7")).expect("a URL");
        Node::open_on(&right).await.subscribe(topic("all")).await;
    }
}

#[tokio::test]
async fn a_redis_user_needs_three_commands_and_the_channels_of_the_prefix() {
    let redis = Redis::start();
    let rules = "on >secret resetchannels &shop/* -@all +publish +subscribe +unsubscribe";
    let user: Vec<_> = ["ACL", "SETUSER", "shop"]
        .into_iter()
        .chain(rules.split(' '))
        .collect();
    assert_eq!(redis.cli(&user), "OK\n");
    let url = format!("redis://shop:secret@{}/", redis.address());
    let allowed = RedisBackplane::new(&url).expect("a URL").prefix("shop");
    let mut node = Node::open_on(&allowed).await;
    node.subscribe(topic("partition/07")).await;
    let left = vec![Command::Unsubscribe(topic("partition/07"))];
    node.send(left).await.expect("confirmed");

    let other = RedisBackplane::new(&url).expect("a URL").prefix("bank");
    for command in [
        Command::Subscribe(topic("all")),
        Command::Publish(topic("all"), Bytes::new()),
    ] {
        let mut node = Node::open_on(&other).await;
        let error = node.send(vec![command]).await.expect_err("no permission");
        let refused = format!("redis://{} refused a command", redis.address());
        assert!(error.to_string().starts_with(&refused), "{error}");
        let kind = error.kind();
        assert_eq!(
            kind,
            BackplaneErrorKind::NotSent,
            "nothing was executed: {error}"
        );
        node.ended().await;
    }
}

#[tokio::test]
async fn nats_lets_in_who_has_the_login_and_says_what_is_wrong_with_another() {
    for (options, wrong, right) in [
        (
            &["--auth", "s3cret"][..],
            &["", "hunter2@", "ann:hunter2@"][..],
            "s3cret@",
        ),
        (
            &["--user", "ann", "--pass", "a b"],
            &["", "hunter2@", "ann:hunter2@"],
            "ann:a%20b@",
        ),
    ] {
        let nats = Nats::with(options);
        let address = nats.address();
        for login in wrong {
            let wrong = NatsBackplane::new(&format!("nats://{login}{address}")).expect("a URL");
            let text = refusal(&wrong).await;
            let expected = format!("nats://{address} did not accept the user and password");
            assert!(text.starts_with(&expected), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        let right = NatsBackplane::new(&format!("nats://{right}{address}")).expect("a URL");
        Node::open_on(&right).await.subscribe(topic("all")).await;
    }
}

#[tokio::test]
async fn a_nats_user_without_permission_ends_the_link_with_the_servers_reason() {
    let config = Config::new(
        "authorization {
            users = [{
                user: shop, password: secret
                permissions: { publish: \"shop.>\", subscribe: \"shop.>\" }
            }]
        }",
    );
    let nats = Nats::with(&["--config", config.path()]);
    let url = format!("nats://shop:secret@{}", nats.address());
    let allowed = NatsBackplane::new(&url).expect("a URL").prefix("shop");
    Node::open_on(&allowed).await.subscribe(topic("all")).await;

    let other = NatsBackplane::new(&url).expect("a URL").prefix("bank");
    for command in [
        Command::Subscribe(topic("all")),
        Command::Publish(topic("all"), Bytes::new()),
    ] {
        let mut node = Node::open_on(&other).await;
        // The server's refusal comes when it comes: a write is not confirmed.
        let _handed_over = node.send(vec![command]).await;
        node.ended().await;
        let error = node.send(vec![]).await.expect_err("a link that is over");
        let text = error.to_string().to_ascii_lowercase();
        let refused = format!("nats://{} refused a command", nats.address());
        assert!(text.starts_with(&refused), "{text}");
        assert!(text.contains("permissions violation"), "{text}");
    }
}

#[tokio::test]
async fn a_nats_server_that_cannot_carry_the_largest_message_is_refused() {
    let config = Config::new("max_payload: 65536");
    let nats = Nats::with(&["--config", config.path()]);
    let small = NatsBackplane::new(&nats.url()).expect("a URL");
    let text = refusal(&small).await;
    assert!(text.contains("raise its max_payload to 1048576"), "{text}");
}

/// A configuration file.
#[derive(Debug)]
struct Config {
    _folder: crate::support::scratch::Scratch,
    path: String,
}

impl Config {
    fn new(text: &str) -> Self {
        let folder = crate::support::scratch::Scratch::new("nats");
        let path = folder.path().join("nats.conf");
        std::fs::write(&path, text).expect("a file in an empty folder");
        let path = path.to_str().expect("a path that is text").to_owned();
        Self {
            _folder: folder,
            path,
        }
    }

    fn path(&self) -> &str {
        &self.path
    }
}
