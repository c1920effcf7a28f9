//! Waiting for an upstream, one place for each message.

use std::sync::Arc;

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{
    queue::{Queue, Step},
    shared::{Hold, Shared},
};
use crate::hub::Key;

/// One message's place in the hold.
#[derive(Debug)]
pub(in super::super) struct Place {
    shared: Arc<Shared>,
    number: u64,
    notify: Arc<Notify>,
    /// What counts against the bounds; an event is not bounded here.
    counted: Option<(Key, usize)>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Outside,
    Waiting,
    Going,
    Trying,
}

/// What one that waits does next.
enum Next {
    /// It sends.
    Now,
    /// It looks again at this time, or when woken.
    Later(Option<Instant>),
}

/// The time to wait is over.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Expired;

impl Hold {
    /// Takes a place for a message of so many bytes; `None` if too much waits already, in all or of
    /// this key.
    pub(in super::super) fn place(&self, key: &Key, bytes: usize) -> Option<Place> {
        let has_room = self.0.change(|queue| queue.count(key, bytes));
        has_room.then(|| self.unbounded(Some((key.clone(), bytes))))
    }

    /// Takes a place for an event, for which there is always room.
    pub(in super::super) fn place_of_event(&self) -> Place {
        self.unbounded(None)
    }

    fn unbounded(&self, counted: Option<(Key, usize)>) -> Place {
        Place {
            shared: self.0.clone(),
            number: self.0.change(Queue::number),
            notify: Arc::default(),
            counted,
            stage: Stage::Outside,
        }
    }
}

impl Place {
    /// Waits until the message may be sent: the upstream listens and its turn has come, or it is the one
    /// to try.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it keeps its place.
    pub(in super::super) async fn wait(&mut self) {
        while let Next::Later(again_at) = self.next() {
            let woken = self.notify.notified();
            match again_at {
                // Whether the time has come is seen above.
                Some(time) => drop(timeout_at(time, woken).await),
                None => woken.await,
            }
        }
    }

    /// Waits like [`wait`](Self::wait), no longer than until then.
    ///
    /// # Errors
    ///
    /// If it may not be sent in time.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it keeps its place.
    pub(in super::super) async fn wait_until(&mut self, until: Instant) -> Result<(), Expired> {
        timeout_at(until, self.wait()).await.map_err(|_| Expired)
    }

    /// Enters the line, and finds out what to do now.
    fn next(&mut self) -> Next {
        if self.stage == Stage::Outside {
            self.shared
                .change(|queue| queue.enter(self.number, &self.notify));
            self.stage = Stage::Waiting;
        }
        let now = Instant::now();
        match self.shared.change(|queue| queue.step(self.number, now)) {
            Step::Go => self.stage = Stage::Going,
            Step::Try => self.stage = Stage::Trying,
            Step::TryAt(time) => return Next::Later(Some(time)),
            Step::Wait => return Next::Later(None),
        }
        Next::Now
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
        self.shared.change(|queue| self.stage.give_up(queue));
    }
}

impl Stage {
    /// Ends it without news of the upstream.
    fn give_up(&mut self, queue: &mut Queue) {
        if *self == Self::Trying {
            queue.try_next(Instant::now());
        }
        self.end(queue);
    }

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
            self.stage.give_up(queue);
            if let Some((key, bytes)) = &self.counted {
                queue.count_no_longer(key, *bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
        time::Duration,
    };

    use futures_util::FutureExt;
    use parking_lot::Mutex;
    use tokio::{
        task::{JoinSet, yield_now},
        time::sleep,
    };

    use super::{
        super::queue::{MAX_BYTES, MAX_MESSAGES},
        *,
    };

    fn idle(hold: &Hold) -> bool {
        hold.0.queue.lock().is_idle() && !hold.is_busy()
    }

    fn key(name: &str) -> Key {
        Key::User(name.into())
    }

    fn place(hold: &Hold) -> Place {
        hold.place(&Key::Callers, 1).expect("room")
    }

    fn go(place: &mut Place) -> bool {
        place.wait().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_tries_until_the_upstream_answers_then_all_follow_in_order() {
        let hold = Hold::new(100);
        hold.went_down();
        assert!(hold.is_busy());
        let order = Arc::new(Mutex::new(Vec::new()));
        let tries = Arc::new(AtomicUsize::new(0));
        let is_up = Arc::new(AtomicBool::new(false));
        let mut waiting = JoinSet::new();
        for number in 0..500 {
            let mut place = place(&hold);
            let (hold, order) = (hold.clone(), order.clone());
            let (tries, is_up) = (tries.clone(), is_up.clone());
            waiting.spawn(async move {
                loop {
                    place.wait().await;
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
        let order = order.lock().clone();
        let (found, followed) = order.split_first().unwrap();
        let others = (0..500).filter(|number| number != found);
        assert_eq!(followed, others.collect::<Vec<_>>());
        assert_eq!(tries.load(Relaxed), in_vain + 500);
        assert!(idle(&hold));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_too_long_or_is_given_up_leaves_its_place_to_the_next() {
        let hold = Hold::new(10);
        hold.went_down();
        let mut first = place(&hold);
        let mut second = place(&hold);
        assert!(!go(&mut first) && !go(&mut second));
        let until = Instant::now() + Duration::from_millis(10);
        assert_eq!(first.wait_until(until).await, Err(Expired));
        drop(first);
        second.wait().await;
        let mut third = place(&hold);
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
        let mut slow = place(&hold);
        assert!(go(&mut slow));
        let mut next = place(&hold);
        let asked = Instant::now();
        next.wait().await;
        assert_eq!(asked.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_came_up_is_not_flooded() {
        let hold = Hold::new(8);
        hold.went_down();
        let mut places: Vec<_> = (0..100).map(|_| place(&hold)).collect();
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

    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_be_sent_does_not_keep_the_others_from_trying() {
        let hold = Hold::new(10);
        hold.went_down();
        let (mut bad, mut good) = (place(&hold), place(&hold));
        bad.wait().await;
        bad.missed();
        let asked = Instant::now();
        tokio::select! {
            () = bad.wait() => panic!("the other one has its turn"),
            () = good.wait() => {}
        }
        assert!(asked.elapsed() < Duration::from_secs(1));
        hold.came_up();
        drop(good);
        assert!(go(&mut bad));
        bad.step_out();
        drop(bad);
        assert!(idle(&hold));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_tries_and_has_to_wait_by_itself_leaves_the_try_to_the_next() {
        let hold = Hold::new(10);
        hold.went_down();
        let (mut first, mut second) = (place(&hold), place(&hold));
        first.wait().await;
        assert!(!go(&mut second));
        first.step_out();
        assert!(go(&mut second));
    }

    #[tokio::test]
    async fn messages_and_bytes_are_bounded_and_events_are_not() {
        let hold = Hold::new(1);
        let (ann, bob, eve) = (key("ann"), key("bob"), key("eve"));
        let half = |key: &Key| -> Vec<_> {
            (0..MAX_MESSAGES / 2)
                .map(|_| hold.place(key, 1).unwrap())
                .collect()
        };
        let of_ann = half(&ann);
        assert!(hold.place(&ann, 1).is_none(), "half of the room is hers");
        let of_bob = half(&bob);
        assert!(hold.place(&eve, 1).is_none());
        let event = hold.place_of_event();
        drop((of_ann, of_bob));
        let large = hold
            .place(&ann, usize::MAX)
            .expect("any one message has room");
        assert!(hold.place(&bob, 1).is_none());
        drop((large, event));
        let half = MAX_BYTES / 2;
        let of_ann = hold.place(&ann, half).unwrap();
        assert!(hold.place(&ann, 1).is_none());
        let of_bob = hold.place(&bob, half).unwrap();
        assert!(hold.place(&eve, 1).is_none());
        drop((of_ann, of_bob));
        assert!(idle(&hold));
    }
}
