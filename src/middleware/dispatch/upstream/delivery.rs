//! A message or event until it is answered, refused or declared unknown.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{
    body::Departure,
    event::Event,
    exchange::Outcome,
    failure::Failure,
    hold::{Expired, Place},
    later::later,
    target::{Overdue, Target},
};
use crate::{
    hub::Lane,
    middleware::{
        dispatch::{
            error::DispatchError,
            limits::{Pending, run_in_turn},
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
        let mut doubt = None;
        let answer = self.send_in_time(&mut event, &mut doubt).await;
        answer.map_err(|failure| {
            let failure = failure.in_doubt(doubt);
            self.count(&event, &failure);
            failure
        })
    }

    /// Leaves in `doubt` what is to be told of an attempt that may have been handled, and was repeated.
    async fn send_in_time(
        &self,
        event: &mut Event,
        doubt: &mut Option<Failure>,
    ) -> Result<Response<Bytes>, Failure> {
        let mut waiting = Waiting::new(self);
        if self.hold.is_busy() && !self.upstream.hold.is_zero() {
            waiting.for_turn(event).await?;
        }
        loop {
            let failure = match self.attempt(event).await {
                Ok(Outcome::Answered(answer)) => {
                    self.hold.came_up();
                    return self.check(event, answer);
                }
                Ok(Outcome::NotSent) => {
                    waiting.after_miss(event).await?;
                    continue;
                }
                Ok(Outcome::NotHandled(delay)) => {
                    self.hold.came_up();
                    waiting.alone(delay, event).await?;
                    continue;
                }
                // Released with many others, it finds no turn; it need not be lost for that.
                Err(DispatchError::Overloaded) if waiting.place.is_some() => {
                    waiting.alone(CROWDED, event).await?;
                    continue;
                }
                Ok(Outcome::Unusable(why)) => {
                    self.hold.came_up();
                    return Err(Failure::Unusable(why));
                }
                Ok(Outcome::Unknown) => {
                    waiting.after_loss();
                    Failure::UnknownOutcome
                }
                Ok(Outcome::TimedOut) => Failure::Dispatch(DispatchError::TimedOut),
                Ok(Outcome::IdentityEnded) => return Err(Failure::IdentityEnded),
                Err(error) => return Err(error.into()),
            };
            if doubt.is_some() || !self.upstream.idempotent {
                return Err(failure);
            }
            *doubt = Some(failure);
        }
    }

    /// Sends a disconnect event until it is answered. Says by `late` when it is counted as overdue.
    pub(super) async fn tell(&self, mut event: Event, late: oneshot::Sender<()>) {
        let _pending = Pending::new(self.state.hub.counters());
        let mut place = self.hold.is_busy().then(|| self.hold.place_of_event());
        let mut overdue = Late::new(self, late);
        if place.is_some() {
            overdue.begin();
        }
        let mut failed = false;
        let mut backoff = FIRST_BACKOFF;
        loop {
            if let Some(place) = &mut place {
                place.wait().await;
            }
            let outcome = self.attempt(&mut event).await;
            let refusal = match &outcome {
                Ok(Outcome::Answered(answer)) => {
                    let status = answer.status();
                    Some((!status.is_success()).then(|| status.to_string()))
                }
                Ok(Outcome::Unusable(why)) => Some(Some((*why).to_owned())),
                _ => None,
            };
            if let Some(refusal) = refusal {
                self.hold.came_up();
                if let Some(why) = refusal {
                    self.note_refused_event(&why);
                }
                return;
            }
            overdue.begin();
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
    async fn attempt(&self, event: &mut Event) -> Result<Outcome, DispatchError> {
        let departure = Departure::default();
        let job = event.job.clone();
        let work = async {
            if job.lane == Lane::Messages && !event.look_again() {
                return Ok(Outcome::IdentityEnded);
            }
            let request = event.request(&self.state, &self.upstream, &departure);
            // The groups in it were read after the user.
            if job.lane == Lane::Messages && event.is_of_another() {
                return Ok(Outcome::IdentityEnded);
            }
            Ok(self.exchange(request, &departure, event.wanted).await)
        };
        let outcome = run_in_turn(&self.state, &job, Some(&self.turns), work).await;
        if let (Ok(Outcome::Answered(answer)), Some(owner)) = (&outcome, &event.owner) {
            owner.keep(&self.state, answer.headers());
        }
        match outcome {
            // The client service has not begun with it: it waits for a connection, which is no doubt.
            Err(DispatchError::TimedOut) if departure.withdraw() => Err(DispatchError::Overloaded),
            outcome => outcome,
        }
    }

    /// Tells an answer that reached the application from one that found nothing to read the message.
    fn check(&self, event: &Event, answer: Response<Bytes>) -> Result<Response<Bytes>, Failure> {
        let status = answer.status();
        let found_nothing =
            status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED;
        if !found_nothing {
            return Ok(answer);
        }
        let uri = event.uri(&self.state, &self.upstream);
        let name = event.socket.event().as_str();
        self.state.log.write(Kind::NoHandler, |suppressed| {
            let path = uri.path();
            tracing::error!(
                suppressed,
                "no handler read POST {path} with WebSocket-Event: {name} (the upstream answered \
                 {status}): give it one there, or set Config::dispatch_path"
            );
        });
        let is_message =
            event.socket.event() == SocketEvent::Message && event.socket.id().is_some();
        if is_message {
            Err(DispatchError::NoHandler(uri).into())
        } else {
            Ok(answer)
        }
    }

    /// Counts a message as not handled.
    fn count(&self, event: &Event, failure: &Failure) {
        let hub = &self.state.hub;
        match failure {
            // The sender's own doing.
            Failure::IdentityEnded => return,
            Failure::Dispatch(DispatchError::Overloaded) if event.job.is_unheard() => hub.shed(),
            _ => {}
        }
        hub.counters().dispatch_failed();
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

    fn note_refused_event(&self, why: &str) {
        self.state.hub.counters().dispatch_failed();
        let what = "the news that a socket ended";
        self.state.log.write(Kind::NotHandled(what), |suppressed| {
            tracing::warn!(why, suppressed, "{what} was refused by the upstream");
        });
    }
}

/// Counts an event once it is overdue, and says so: its socket need not count any more.
struct Late<'a> {
    target: &'a Target,
    said: Option<oneshot::Sender<()>>,
    overdue: Option<Overdue<'a>>,
}

impl<'a> Late<'a> {
    fn new(target: &'a Target, said: oneshot::Sender<()>) -> Self {
        Self {
            target,
            said: Some(said),
            overdue: None,
        }
    }

    fn begin(&mut self) {
        if let Some(said) = self.said.take() {
            self.overdue = Some(Overdue::new(self.target));
            // A host that keeps no places does not listen.
            let _unheard = said.send(());
        }
    }
}

/// A message's wait for an upstream that takes none.
struct Waiting<'a> {
    target: &'a Target,
    place: Option<Place>,
    until: Option<Instant>,
    backoff: Duration,
}

impl<'a> Waiting<'a> {
    fn new(target: &'a Target) -> Self {
        Self {
            target,
            place: None,
            until: None,
            backoff: FIRST_BACKOFF,
        }
    }

    /// Waits after the upstream did not listen.
    async fn after_miss(&mut self, event: &Event) -> Result<(), Failure> {
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

    async fn for_turn(&mut self, event: &Event) -> Result<(), Failure> {
        let until = self.until(event, RETRY_AFTER)?;
        let place = self.place(event)?;
        let expired = |Expired| Failure::Unavailable(RETRY_AFTER);
        place.wait_until(until).await.map_err(expired)
    }

    /// Waits for a time that concerns this message alone.
    async fn alone(&mut self, delay: Duration, event: &Event) -> Result<(), Failure> {
        let seconds = delay.as_secs().max(1);
        let until = self.until(event, seconds)?;
        // An upstream that asks for no delay is not asked again and again.
        let delay = delay.max(self.backoff);
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF_OF_MESSAGE);
        if delay > until.saturating_duration_since(Instant::now()) {
            return Err(Failure::Unavailable(seconds));
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
            return Err(Failure::Unavailable(retry_after));
        }
        let until = *self.until.get_or_insert_with(|| later(upstream.hold));
        let left = state
            .config
            .dispatch_timeout
            .saturating_sub(event.began().elapsed());
        Ok(until.min(later(left)))
    }

    fn place(&mut self, event: &Event) -> Result<&mut Place, Failure> {
        let place = match self.place.take() {
            Some(place) => place,
            None => {
                let place = self.target.hold.place(&event.job.key, event.job.bytes);
                place.ok_or(Failure::Unavailable(RETRY_AFTER))?
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
const MAX_BACKOFF_OF_MESSAGE: Duration = Duration::from_secs(2);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
