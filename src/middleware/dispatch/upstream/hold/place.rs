//! Waiting for an upstream, one place for each message.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::queue::{Queue, Step};

/// The messages that wait for one upstream.
#[derive(Clone, Debug)]
pub(in super::super) struct Hold(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// A copy of [`Queue::is_busy`], so that messages need no lock while all is well.
    is_busy: AtomicBool,
}

/// One message's place in the hold.
#[derive(Debug)]
pub(in super::super) struct Place {
    shared: Arc<Shared>,
    number: u64,
    notify: Arc<Notify>,
    /// The bytes that count against the bounds; an event is not bounded here.
    bytes: Option<usize>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Outside,
    Waiting,
    Going,
    Trying,
}

/// The time to wait is over.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Expired;

impl Hold {
    /// Lets go at most so many at one time.
    pub(in super::super) fn new(most: usize) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::new(Queue::new(most)),
            is_busy: AtomicBool::new(false),
        }))
    }

    /// Returns whether a message has to wait before it is sent.
    pub(in super::super) fn is_busy(&self) -> bool {
        self.0.is_busy.load(Relaxed)
    }

    /// Takes a place for a message of so many bytes; `None` if too much waits already.
    pub(in super::super) fn place(&self, bytes: usize) -> Option<Place> {
        let has_room = self.0.change(|queue| queue.count(bytes));
        has_room.then(|| self.unbounded(Some(bytes)))
    }

    /// Takes a place for an event, for which there is always room.
    pub(in super::super) fn place_of_event(&self) -> Place {
        self.unbounded(None)
    }

    fn unbounded(&self, bytes: Option<usize>) -> Place {
        Place {
            shared: self.0.clone(),
            number: self.0.change(Queue::number),
            notify: Arc::default(),
            bytes,
            stage: Stage::Outside,
        }
    }

    /// Notes that the upstream answered.
    pub(in super::super) fn came_up(&self) {
        if self.is_busy() {
            self.0.change(Queue::came_up);
        }
    }

    /// Notes that the upstream did not listen when one without a place was sent.
    pub(in super::super) fn went_down(&self) {
        self.0
            .change(|queue| queue.went_down(false, Instant::now()));
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Queue) -> T) -> T {
        let mut queue = self.queue.lock();
        let outcome = change(&mut queue);
        self.is_busy.store(queue.is_busy(), Relaxed);
        outcome
    }
}

impl Place {
    /// Waits until the message may be sent: the upstream listens and its turn has come, or it is the one
    /// to try.
    ///
    /// # Errors
    ///
    /// If that does not come to pass in time.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it keeps its place.
    pub(in super::super) async fn wait(&mut self, until: Option<Instant>) -> Result<(), Expired> {
        if self.stage == Stage::Outside {
            self.shared
                .change(|queue| queue.enter(self.number, &self.notify));
            self.stage = Stage::Waiting;
        }
        loop {
            let now = Instant::now();
            let step = self.shared.change(|queue| queue.step(self.number, now));
            let again_at = match step {
                Step::Go => {
                    self.stage = Stage::Going;
                    return Ok(());
                }
                Step::Try => {
                    self.stage = Stage::Trying;
                    return Ok(());
                }
                Step::TryAt(time) => Some(time),
                Step::Wait => None,
            };
            if until.is_some_and(|until| until <= now) {
                return Err(Expired);
            }
            let woken = self.notify.notified();
            match again_at.into_iter().chain(until).min() {
                // Whether the time has come is seen above.
                Some(time) => drop(timeout_at(time, woken).await),
                None => woken.await,
            }
        }
    }

    /// Notes that the upstream did not listen.
    pub(in super::super) fn missed(&mut self) {
        let tried = self.stage == Stage::Trying;
        self.shared.change(|queue| {
            queue.went_down(tried, Instant::now());
            self.stage.end(queue);
        });
    }

    /// Notes that the answer was lost. If it was to show whether the upstream listens, it does not.
    pub(in super::super) fn lost(&mut self) {
        if self.stage == Stage::Trying {
            self.missed();
        }
    }

    /// Steps out of the line, to wait by itself.
    pub(in super::super) fn step_out(&mut self) {
        self.shared.change(|queue| self.stage.end(queue));
    }
}

impl Stage {
    fn end(&mut self, queue: &mut Queue) {
        if matches!(self, Self::Going | Self::Trying) {
            queue.done();
        }
        *self = Self::Outside;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.change(|queue| {
            if self.stage == Stage::Waiting && !queue.leave(self.number) {
                self.stage = Stage::Going;
            }
            if self.stage == Stage::Trying {
                queue.try_next(Instant::now());
            }
            self.stage.end(queue);
            if let Some(bytes) = self.bytes {
                queue.count_no_longer(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, time::Duration};

    use futures_util::FutureExt;
    use tokio::{
        task::{JoinSet, yield_now},
        time::sleep,
    };

    use super::{super::queue::MAX_MESSAGES, *};

    fn idle(hold: &Hold) -> bool {
        hold.0.queue.lock().is_idle() && !hold.is_busy()
    }

    fn go(place: &mut Place) -> bool {
        place.wait(None).now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_first_tries_until_the_upstream_answers_then_all_follow_in_order() {
        let hold = Hold::new(100);
        hold.went_down();
        assert!(hold.is_busy());
        let order = Arc::new(Mutex::new(Vec::new()));
        let tries = Arc::new(AtomicUsize::new(0));
        let is_up = Arc::new(AtomicBool::new(false));
        let mut waiting = JoinSet::new();
        for number in 0..500 {
            let mut place = hold.place(1).unwrap();
            let (hold, order) = (hold.clone(), order.clone());
            let (tries, is_up) = (tries.clone(), is_up.clone());
            waiting.spawn(async move {
                loop {
                    place.wait(None).await.unwrap();
                    tries.fetch_add(1, Relaxed);
                    if is_up.load(Relaxed) {
                        order.lock().push(number);
                        sleep(Duration::from_millis(1)).await;
                        hold.came_up();
                        return;
                    }
                    place.missed();
                }
            });
            yield_now().await;
        }
        sleep(Duration::from_secs(10)).await;
        let in_vain = tries.load(Relaxed);
        assert!(
            (10..=16).contains(&in_vain),
            "{in_vain}: one each second at last"
        );
        is_up.store(true, Relaxed);
        waiting.join_all().await;
        assert_eq!(*order.lock(), (0..500).collect::<Vec<_>>());
        assert_eq!(tries.load(Relaxed), in_vain + 500);
        assert!(idle(&hold));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_too_long_or_is_given_up_leaves_its_place_to_the_next() {
        let hold = Hold::new(10);
        hold.went_down();
        let mut first = hold.place(1).unwrap();
        let mut second = hold.place(1).unwrap();
        assert!(!go(&mut first) && !go(&mut second));
        let until = Some(Instant::now() + Duration::from_millis(10));
        assert_eq!(first.wait(until).await, Err(Expired));
        drop(first);
        second.wait(None).await.unwrap();
        let mut third = hold.place(1).unwrap();
        assert!(!go(&mut third), "the second tries");
        drop(second);
        assert!(go(&mut third), "at once, since the second was given up");
        third.missed();
        assert!(!go(&mut third));
        hold.came_up();
        assert!(go(&mut third));
        drop(third);
        assert!(idle(&hold));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_tries_for_long_does_not_keep_the_others_from_trying() {
        let hold = Hold::new(10);
        hold.went_down();
        sleep(Duration::from_secs(1)).await;
        let mut slow = hold.place(1).unwrap();
        assert!(go(&mut slow));
        let mut next = hold.place(1).unwrap();
        let asked = Instant::now();
        next.wait(None).await.unwrap();
        assert_eq!(asked.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_came_up_is_not_flooded() {
        let hold = Hold::new(8);
        hold.went_down();
        let mut places: Vec<_> = (0..100).map(|_| hold.place(1).unwrap()).collect();
        assert!(places.iter_mut().all(|place| !go(place)));
        hold.came_up();
        let free = |places: &mut Vec<Place>| {
            let at = places.iter_mut().position(|place| !go(place));
            at.unwrap_or(places.len())
        };
        assert_eq!(free(&mut places), 4);
        for expected in [5, 6, 7, 8, 8, 8] {
            hold.came_up();
            places.remove(0);
            assert_eq!(free(&mut places), expected);
        }
    }

    #[tokio::test]
    async fn messages_and_bytes_are_bounded_and_events_are_not() {
        let hold = Hold::new(1);
        let places: Vec<_> = (0..MAX_MESSAGES).map(|_| hold.place(1)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(hold.place(1).is_none());
        let event = hold.place_of_event();
        drop(places);
        let large = hold.place(usize::MAX).expect("any one message has room");
        assert!(hold.place(1).is_none());
        drop((large, event));
        let half = 32 * 1024 * 1024;
        let _two = (hold.place(half).unwrap(), hold.place(half).unwrap());
        assert!(hold.place(1).is_none());
    }
}
