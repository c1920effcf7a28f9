//! A message or event until it is answered, refused or declared unknown.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::time::{Instant, sleep};

use super::{
    body::Departure,
    event::Event,
    exchange::Outcome,
    failure::Failure,
    hold::Place,
    target::{Overdue, Target},
};
use crate::{
    hub::Lane,
    middleware::{
        dispatch::{
            error::DispatchError,
            limits::{Pending, run},
        },
        log::Kind,
        socket::SocketEvent,
    },
};

impl Target {
    /// Sends a message until it is answered, may have been handled, or cannot be sent in time.
    pub(super) async fn deliver(&self, mut event: Event) -> Result<Response<Bytes>, Failure> {
        // A shutdown waits for what waits here as well.
        let _pending = Pending::new(self.state.hub.counters());
        let mut waiting = Waiting::new(self);
        let mut repeats = u32::from(self.upstream.idempotent);
        if self.hold.is_busy() && !self.upstream.hold.is_zero() {
            waiting.for_turn(&mut event).await?;
        }
        loop {
            let failure = match self.attempt(&event).await {
                Ok(Outcome::Answered(answer)) => {
                    self.hold.came_up();
                    return self.check(&event, answer);
                }
                Ok(Outcome::NotSent) => {
                    waiting.after_miss(&mut event).await?;
                    continue;
                }
                Ok(Outcome::NotHandled(delay)) => {
                    waiting.alone(delay, &mut event).await?;
                    continue;
                }
                // Released with many others, it finds no turn; it need not be lost for that.
                Err(DispatchError::Overloaded) if waiting.place.is_some() => {
                    waiting.alone(CROWDED, &mut event).await?;
                    continue;
                }
                Ok(Outcome::Unknown) => {
                    waiting.after_loss();
                    Failure::UnknownOutcome
                }
                Ok(Outcome::TimedOut) => Failure::Dispatch(DispatchError::TimedOut),
                Ok(Outcome::Unusable(why)) => Failure::Unusable(why),
                Ok(Outcome::IdentityEnded) => return Err(Failure::IdentityEnded),
                Err(error) => return Err(error.into()),
            };
            if repeats == 0 || matches!(failure, Failure::Unusable(_)) {
                return Err(self.counted(failure));
            }
            repeats -= 1;
        }
    }

    /// Sends a disconnect event until it is answered.
    pub(super) async fn tell(&self, event: Event) {
        let _pending = Pending::new(self.state.hub.counters());
        let mut place = self.hold.is_busy().then(|| self.hold.place_of_event());
        let mut overdue = place.as_ref().map(|_| Overdue::new(self));
        let mut failed = false;
        let mut backoff = FIRST_BACKOFF;
        loop {
            if let Some(place) = &mut place {
                // It has no end, so it never expires.
                let _turn = place.wait(None).await;
            }
            let outcome = self.attempt(&event).await;
            if let Ok(Outcome::Answered(answer)) = &outcome {
                self.hold.came_up();
                if !answer.status().is_success() {
                    self.note_refused_event(answer.status());
                }
                return;
            }
            overdue.get_or_insert_with(|| Overdue::new(self));
            if !std::mem::replace(&mut failed, true) {
                self.note_overdue();
            }
            if let Ok(Outcome::NotSent) = outcome {
                let place = place.get_or_insert_with(|| self.hold.place_of_event());
                place.missed();
                continue;
            }
            if let Some(mut place) = place.take() {
                place.lost();
            }
            let wait = match outcome {
                Ok(Outcome::NotHandled(delay)) => delay.clamp(backoff, MAX_BACKOFF),
                _ => backoff,
            };
            sleep(wait).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    /// Sends a message once, when its turn has come.
    async fn attempt(&self, event: &Event) -> Result<Outcome, DispatchError> {
        let departure = Departure::default();
        let work = async {
            if event.job.lane == Lane::Messages && event.is_expired() {
                return Ok(Outcome::IdentityEnded);
            }
            let (key, bytes) = (event.job.key.clone(), event.job.bytes);
            let Ok(_turn) = self.turns.turn(key, bytes).await else {
                return Err(DispatchError::Overloaded);
            };
            let request = event.request(&self.state, &self.upstream, &departure);
            Ok(self.exchange(request, &departure, event.wanted).await)
        };
        let outcome = run(&self.state, event.job.clone(), work).await;
        if let (Ok(Outcome::Answered(answer)), Some(owner)) = (&outcome, &event.owner) {
            owner.keep(&self.state, answer.headers());
        }
        match outcome {
            Err(DispatchError::TimedOut) if departure.withdraw() => Err(DispatchError::Overloaded),
            outcome => outcome,
        }
    }

    /// Tells an answer that reached the application from one that found nothing to read the message.
    fn check(&self, event: &Event, answer: Response<Bytes>) -> Result<Response<Bytes>, Failure> {
        let status = answer.status();
        let is_message =
            event.socket.event() == SocketEvent::Message && event.socket.id().is_some();
        let found_nothing =
            status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED;
        if !is_message || !found_nothing {
            return Ok(answer);
        }
        let uri = event.uri(&self.state, &self.upstream);
        self.state.log.write(Kind::NoHandler, |suppressed| {
            let path = uri.path();
            tracing::error!(
                suppressed,
                "no handler read POST {path} (the upstream answered {status}): give it one there, or \
                 set Config::dispatch_path"
            );
        });
        Err(self.counted(DispatchError::NoHandler(uri).into()))
    }

    fn counted(&self, failure: Failure) -> Failure {
        self.state.hub.counters().dispatch_failed();
        failure
    }

    fn note_overdue(&self) {
        let what = "a disconnect event";
        self.state.hub.counters().dispatch_failed();
        self.state.log.write(Kind::NotHandled(what), |suppressed| {
            tracing::warn!(
                suppressed,
                "{what} was not answered; it is sent until it is"
            );
        });
    }

    fn note_refused_event(&self, status: StatusCode) {
        self.state.hub.counters().dispatch_failed();
        let what = "the news that a socket ended";
        self.state.log.write(Kind::NotHandled(what), |suppressed| {
            tracing::warn!(%status, suppressed, "{what} was refused by the upstream");
        });
    }
}

/// A message's wait for an upstream that takes none.
struct Waiting<'a> {
    target: &'a Target,
    place: Option<Place>,
    until: Option<Instant>,
}

impl<'a> Waiting<'a> {
    fn new(target: &'a Target) -> Self {
        Self {
            target,
            place: None,
            until: None,
        }
    }

    /// Waits after the upstream did not listen.
    async fn after_miss(&mut self, event: &mut Event) -> Result<(), Failure> {
        match &mut self.place {
            Some(place) => place.missed(),
            None if self.target.upstream.hold.is_zero() => {}
            None => self.target.hold.went_down(),
        }
        self.for_turn(event).await
    }

    fn after_loss(&mut self) {
        if let Some(place) = &mut self.place {
            place.lost();
        }
    }

    async fn for_turn(&mut self, event: &mut Event) -> Result<(), Failure> {
        let until = self.until(event, RETRY_AFTER)?;
        let place = self.place(event)?;
        if place.wait(Some(until)).await.is_err() {
            return Err(self.target.counted(Failure::Unavailable(RETRY_AFTER)));
        }
        event.look_again()
    }

    /// Waits for a time that concerns this message alone.
    async fn alone(&mut self, delay: Duration, event: &mut Event) -> Result<(), Failure> {
        let seconds = delay.as_secs().max(1);
        let until = self.until(event, seconds)?;
        if Instant::now() + delay > until {
            return Err(self.target.counted(Failure::Unavailable(seconds)));
        }
        self.place(event)?.step_out();
        sleep(delay).await;
        self.for_turn(event).await
    }

    /// Returns when the wait ends: so long after its beginning, and within the time of a dispatch.
    fn until(&mut self, event: &Event, retry_after: u64) -> Result<Instant, Failure> {
        let Target {
            upstream, state, ..
        } = self.target;
        if upstream.hold.is_zero() {
            return Err(self.target.counted(Failure::Unavailable(retry_after)));
        }
        let until = *self
            .until
            .get_or_insert_with(|| Instant::now() + upstream.hold);
        Ok(until.min(event.began() + state.config.dispatch_timeout))
    }

    fn place(&mut self, event: &Event) -> Result<&mut Place, Failure> {
        let place = match self.place.take() {
            Some(place) => place,
            None => {
                let place = self.target.hold.place(event.job.bytes);
                place.ok_or_else(|| self.target.counted(Failure::Unavailable(RETRY_AFTER)))?
            }
        };
        Ok(self.place.insert(place))
    }
}

/// In seconds, where the upstream says nothing else.
const RETRY_AFTER: u64 = 3;

/// How long a message waits that finds no turn among those that were let go with it.
const CROWDED: Duration = Duration::from_millis(500);

const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
