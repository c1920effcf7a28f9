//! A backend that is restarted under load: no socket is lost, each message is answered, none is handled
//! twice.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use tokio::{task::JoinSet, time::sleep};
use web_connection_socket::{Config, WebConnectionSocketLayer};

use super::{
    backend::{Backend, reply},
    upstream,
};
use crate::support::{frame, join, news, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_restarts_lose_no_socket_and_no_answer() {
    const SOCKETS: usize = 30;
    const RESTARTS: usize = 20;

    let mut backend = Backend::start(|asked| reply(&asked.text())).await;
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream(&backend).hold(Duration::from_secs(20)));
    let server = serve(&layer);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut talkers = JoinSet::new();
    for number in 0..SOCKETS {
        let mut client = join(&server, &number.to_string(), &[]).await;
        let stopped = stopped.clone();
        talkers.spawn(async move {
            let mut answers: BTreeMap<String, usize> = BTreeMap::new();
            let mut sent = 0;
            while !*stopped.borrow() {
                let said = format!("{number}.{sent}");
                client
                    .send(&news(said.clone()))
                    .await
                    .expect("an open socket");
                sent += 1;
                let frame = frame(&mut client).await;
                let code = match &frame["error"]["code"] {
                    Value::String(code) => code.clone(),
                    _ => {
                        assert_eq!(frame["message"], said, "its own answer");
                        "answered".to_owned()
                    }
                };
                *answers.entry(code).or_default() += 1;
            }
            assert_eq!(answers.values().sum::<usize>(), sent);
            (client, answers)
        });
    }
    for _ in 0..RESTARTS {
        backend.visits.wait(backend.visits.len() + SOCKETS).await;
        backend.stop().await;
        sleep(Duration::from_millis(60)).await;
        backend.up().await;
    }
    backend.visits.wait(backend.visits.len() + SOCKETS).await;
    stop.send(true).expect("talkers");
    let mut total: BTreeMap<String, usize> = BTreeMap::new();
    let (clients, answers): (Vec<_>, Vec<_>) = talkers.join_all().await.into_iter().unzip();
    for answers in answers {
        for (code, count) in answers {
            *total.entry(code).or_default() += count;
        }
    }
    assert_eq!(layer.hub().len(), SOCKETS, "no socket is lost");
    let strange = total
        .keys()
        .find(|code| !["answered", "unknown_outcome"].contains(&&***code));
    assert_eq!(strange, None, "{total:?}");
    let asked = backend.visits.all();
    let mut handled: BTreeMap<String, usize> = BTreeMap::new();
    for asked in &asked {
        *handled.entry(asked.text()).or_default() += 1;
    }
    assert!(
        handled.values().all(|count| *count == 1),
        "none is handled twice"
    );
    assert!(total["answered"] > RESTARTS, "{total:?}");
    let answered = total.values().sum::<usize>();
    assert!(handled.len() <= answered, "{total:?}");
    drop(clients);
}
