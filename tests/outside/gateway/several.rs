//! Several gateways before one application, over brokers that are programs of their own.

use brokers::{Nats, Redis};
use serde_json::{Value, json};

use crate::support::backend::{Backend, Kind};
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::http::Http;
use crate::support::scratch::Scratch;
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually, free_port};

/// A gateway of several, and where it tells of itself.
struct Member {
    gateway: Gateway,
    status: String,
}

impl Member {
    async fn start(upstream: &str, arguments: &[&str]) -> Self {
        let port = free_port().to_string();
        let all = [arguments, &["--status-port", &port]].concat();
        let gateway = Gateway::start(upstream, &all).await;
        let status = format!("http://127.0.0.1:{port}/");
        Self { gateway, status }
    }

    /// Waits until its status has all these figures, and returns the name of its node.
    async fn until(&self, figures: &str) -> String {
        eventually(figures, PATIENCE, async || {
            let line = Http::new().get(&self.status).await.body;
            let (before, found) = line.trim_end().split_once(" connected=")?;
            (found == figures).then(|| before.rsplit_once("node=").expect("a node").1.to_owned())
        })
        .await
    }

    async fn socket(&self, query: &str) -> Socket {
        Socket::open(&self.gateway.socket_url(query)).await
    }

    async fn broadcast(&self, message: &Value) -> Value {
        let bearer = format!("Bearer {TOKEN}");
        let token = [("authorization", &*bearer)];
        let url = self.gateway.url("/__broadcastWebSocket.wc");
        Http::new()
            .post(&url, &token, &message.to_string())
            .await
            .json()
    }
}

#[tokio::test]
async fn over_redis_they_are_one() {
    let redis = Redis::with(&["--requirepass", "secret"]);
    let folder = Scratch::new("several");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file in the scratch folder");
        path.display().to_string()
    };
    let url = redis.url().replace("redis://", "redis://:secret@");
    let (url, key) = (write("url", &url), write("key", "of the cluster\n"));
    let arguments = ["--redis-file", &url, "--cluster-key-file", &key];
    they_are_one(&arguments).await;
}

#[tokio::test]
async fn over_nats_they_are_one() {
    let nats = Nats::with(&["--auth", "secret"]);
    let url = nats.url().replace("nats://", "nats://secret@");
    they_are_one(&["--nats", &url, "--cluster-prefix", "shop"]).await;
}

async fn they_are_one(arguments: &[&str]) {
    let backend = Backend::chat(Kind::Python).await;
    let first = Member::start(&backend.url(), arguments).await;
    let mut second = Member::start(&backend.url(), arguments).await;
    let figures = "1 nodes=2 gaps=0";
    assert_ne!(first.until(figures).await, second.until(figures).await);

    let mut ann = first.socket("userId=ann").await;
    let mut bob = second.socket("userId=bob&groupId=lobby").await;
    let to_lobby = json!({"action": "news", "recipients": [{"type": "group", "value": "lobby"}]});
    let report = first.broadcast(&to_lobby).await;
    assert_eq!(
        (&report["matched"], &report["forwarded"]),
        (&json!(0), &json!(true)),
        "{report}"
    );
    assert_eq!(bob.receive().await["action"], "news");

    // Through the application, which broadcasts at the gateway that asks it.
    for (speaker, text) in [(&mut ann, "from the first"), (&mut bob, "from the second")] {
        speaker
            .send(
                &json!({"action": "broadcastchatmessage", "message": text, "userId": "x",
                "groupId": "", "recipients": []}),
            )
            .await;
    }
    for socket in [&mut ann, &mut bob] {
        let mut heard = [(); 2].map(|()| Value::Null);
        for text in &mut heard {
            *text = socket.receive().await["message"].take();
        }
        heard.sort_by_key(Value::to_string);
        assert_eq!(heard, ["from the first", "from the second"]);
    }

    second.gateway.process().signal("TERM");
    assert_eq!(bob.drain().await, Some(1001));
    second.gateway.process().succeeds().await;
    first.until("1 nodes=1 gaps=0").await;
    for log in [first.gateway.log(), second.gateway.log()] {
        assert!(log.contains("the cluster has changed"), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_yet_keeps_no_gateway_from_its_own_sockets() {
    let mut redis = Redis::absent();
    let alone = Member::start("http://127.0.0.1:1", &["--redis", &redis.url()]).await;
    alone.until("0 nodes=1 gaps=0").await;
    let mut socket = alone.socket("").await;
    let report = alone.broadcast(&json!({"action": "news"})).await;
    assert_eq!(
        (&report["matched"], &report["forwarded"]),
        (&json!(1), &json!(false)),
        "{report}"
    );
    assert_eq!(socket.receive().await["action"], "news");
    redis.start_again();
    alone.until("1 nodes=1 gaps=0").await;
}
