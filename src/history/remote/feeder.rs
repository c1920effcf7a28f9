//! The task of a store: opens one link after another, and sends what is queued.

use std::{collections::VecDeque, future, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    job::Job,
    server::{Driver, Server},
};
use crate::backplane::backoff::Backoff;

/// What there is of a link.
#[derive(Debug)]
pub(super) enum State<L> {
    /// The first attempt after a link is under way.
    Opening,
    Open(Arc<L>),
    /// The last attempt has failed, or takes long.
    Down(Arc<str>),
}

impl<L> Clone for State<L> {
    fn clone(&self) -> Self {
        match self {
            Self::Opening => Self::Opening,
            Self::Open(link) => Self::Open(link.clone()),
            Self::Down(why) => Self::Down(why.clone()),
        }
    }
}

/// Serves a store until its handle is gone.
pub(super) async fn run<S: Server>(
    server: Arc<S>,
    queue: mpsc::Receiver<Job>,
    state: watch::Sender<State<S::Link>>,
) {
    let mut feeder = Feeder {
        queue,
        waiting: VecDeque::new(),
        number: 0,
    };
    tokio::select! {
        () = keep(&*server, &mut feeder, &state) => {}
        () = state.closed() => {}
    }
}

/// Opens one link after another.
async fn keep<S: Server>(server: &S, feeder: &mut Feeder, state: &watch::Sender<State<S::Link>>) {
    let mut backoff = Backoff::new("the history's store", "messages are not kept");
    loop {
        sleep(backoff.wait()).await;
        let mut attempt = pin!(timeout(MAX_CONNECT, server.connect()));
        let attempt = match timeout(SOON, &mut attempt).await {
            Ok(attempt) => attempt,
            Err(_elapsed) => {
                down(feeder, state, "the server has not answered yet");
                attempt.await
            }
        };
        let opened = attempt.unwrap_or_else(|_| Err("the server did not answer within 5 s".into()));
        let (link, driver) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                backoff.failed(&why);
                down(feeder, state, &why);
                continue;
            }
        };
        let since = Instant::now();
        let link = Arc::new(link);
        state.send_replace(State::Open(link.clone()));
        let why = serve(server, &link, driver, feeder).await;
        if backoff.ended(since, &why) {
            state.send_replace(State::Opening);
        } else {
            down(feeder, state, &why);
        }
    }
}

/// Uses a link until it is over.
async fn serve<S: Server>(
    server: &S,
    link: &S::Link,
    driver: Driver,
    feeder: &mut Feeder,
) -> String {
    tokio::select! {
        why = driver => why,
        why = feeder.feed(server, link) => why,
    }
}

fn down<L>(feeder: &mut Feeder, state: &watch::Sender<State<L>>, why: &str) {
    state.send_replace(State::Down(why.into()));
    feeder.give_up(why);
}

/// The entries that are not stored yet.
struct Feeder {
    queue: mpsc::Receiver<Job>,
    /// Taken out of the queue, in its order; the first of them may have been sent before.
    waiting: VecDeque<Job>,
    number: u64,
}

impl Feeder {
    /// Sends what is queued, and returns why that is not possible any more.
    async fn feed<S: Server>(&mut self, server: &S, link: &S::Link) -> String {
        loop {
            self.take().await;
            let jobs = self.waiting.make_contiguous();
            // Before it is true, since nothing is known of a call that is dropped.
            jobs.iter_mut().for_each(|job| job.was_sent = true);
            match timeout(SILENCE, server.append(link, jobs)).await {
                Ok(Ok(answers)) => {
                    for (job, answer) in self.waiting.drain(..).zip(answers) {
                        job.finish(answer);
                    }
                }
                Ok(Err(why)) => return why,
                Err(_elapsed) => return "the server has not answered for 3 s".to_owned(),
            }
        }
    }

    /// Waits until there is something to send, and takes as much as one batch may hold.
    async fn take(&mut self) {
        self.drop_late();
        while self.waiting.is_empty() {
            match self.queue.recv().await {
                Some(job) => self.push(job),
                // The handle is gone, and the task about to end.
                None => future::pending().await,
            }
            self.drop_late();
        }
        let mut bytes: usize = self.waiting.iter().map(|job| job.append.entry.len()).sum();
        while self.waiting.len() < MAX_BATCH && bytes < MAX_BATCH_BYTES {
            let Ok(job) = self.queue.try_recv() else {
                break;
            };
            bytes += job.append.entry.len();
            self.push(job);
        }
    }

    fn push(&mut self, mut job: Job) {
        self.number += 1;
        job.number = self.number;
        self.waiting.push_back(job);
    }

    /// Lets go what no caller waits for any more.
    fn drop_late(&mut self) {
        let now = Instant::now();
        let late = self.waiting.iter().take_while(|job| job.is_late(now));
        let late = late.count();
        for job in self.waiting.drain(..late) {
            job.give_up("no answer within 2 s");
        }
    }

    /// Ends what was not sent. What was, may have been stored: that is asked over the next link.
    fn give_up(&mut self, why: &str) {
        while let Ok(job) = self.queue.try_recv() {
            job.give_up(why);
        }
        let (sent, others): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|job| job.was_sent);
        self.waiting = sent;
        others.into_iter().for_each(|job| job.give_up(why));
        self.drop_late();
    }
}

/// How long a link may take to open.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// How long calls wait for a link that is being opened.
const SOON: Duration = Duration::from_millis(250);

/// How long an answer may take. Callers have given up then.
const SILENCE: Duration = Duration::from_secs(3);

/// What is sent in one go.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 256 << 10;
