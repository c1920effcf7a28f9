//! A client's way into the hub once its identity is known: its place there, and the application's consent.

use std::sync::Arc;

use super::{
    dispatch::{Application, Dispatcher},
    handshake::Handshake,
    rejection::{Cause, Rejection},
    remote::NotOpened,
    source::Connection,
    state::State,
};
use crate::{
    hub::{
        Asked, ConnectionPermit, Identity, Kill, MAX_WATCHES, RegisterError, Registration, User,
    },
    protocol::{GroupId, UserId},
};

/// A client whose identity is known.
pub(super) struct Identified {
    pub(super) handshake: Handshake,
    pub(super) identity: Identity,
    /// Whether the application verified it.
    pub(super) as_user: fn(UserId) -> User,
}

impl Identified {
    pub(super) fn user(&self) -> User {
        (self.as_user)(self.identity.user.clone())
    }
}

/// A socket that did not open.
pub(super) struct NotEntered {
    pub(super) rejection: Rejection,
    /// Its parts, if the application may take it for open, and is to be told that it ended.
    pub(super) half: Option<(Registration, Dispatcher)>,
}

impl From<Rejection> for NotEntered {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            half: None,
        }
    }
}

/// Gives the socket its place in the hub, and has broadcasts select it once the application agrees.
pub(super) async fn enter(
    state: &Arc<State>,
    identified: Identified,
    permit: ConnectionPermit,
    application: Option<Arc<dyn Application>>,
) -> Result<(Registration, Dispatcher), NotEntered> {
    // In raw mode no frame of this layer's own reaches the client.
    let handshake = Some(&identified.handshake).filter(|_| state.hooks.raw.is_none());
    let asked = handshake.and_then(Handshake::positions).map(Asked::read);
    let watched = handshake.map(|handshake| watched(state, handshake));
    let (registration, dispatcher) = register(state, identified, permit, application)?;
    match connect(&registration, &dispatcher).await {
        Ok(()) => {
            open(&registration, asked, watched.unwrap_or_default()).await;
            Ok((registration, dispatcher))
        }
        Err(NotOpened {
            rejection,
            is_doubtful,
        }) => Err(NotEntered {
            rejection,
            half: is_doubtful.then_some((registration, dispatcher)),
        }),
    }
}

/// Returns the groups whose members the client asks to be told of, and how many more it names than a
/// socket may watch.
fn watched(state: &State, handshake: &Handshake) -> (Vec<GroupId>, usize) {
    if !state.hub.keeps_track() {
        return (Vec::new(), 0);
    }
    let mut groups = handshake.query_all("presence");
    let watched = groups.by_ref().take(MAX_WATCHES);
    let watched = watched.map(|group| GroupId::from(&*group)).collect();
    (watched, groups.count())
}

/// Has broadcasts select the socket. One that resumes is caught up once other nodes' messages arrive: what
/// comes before is missed, and what comes later waits.
async fn open(
    registration: &Registration,
    asked: Option<Asked>,
    (watched, beyond): (Vec<GroupId>, usize),
) {
    let gated = match asked {
        Some(asked) => Some(registration.activate_gated(asked)),
        None => {
            registration.activate();
            None
        }
    };
    registration.watch(&watched, beyond);
    registration.synced().await;
    if let Some(gated) = gated {
        registration.resume(gated);
    }
}

/// Gives the socket its place in the hub, if its user's limit leaves room.
fn register(
    state: &Arc<State>,
    identified: Identified,
    mut permit: ConnectionPermit,
    application: Option<Arc<dyn Application>>,
) -> Result<(Registration, Dispatcher), Rejection> {
    permit.count_for_user(&identified.user())?;
    let Identified {
        handshake,
        identity,
        as_user,
    } = identified;
    let registration = state.hub.register(identity, as_user);
    let mut registration = registration.map_err(not_registered)?;
    registration.hold_permit(permit);
    let connection = Connection {
        entry: registration.entry().clone(),
        handshake: state
            .needs_handshake()
            .then(|| handshake.kept(&state.config.forward_headers, &state.header_pool)),
    };
    let dispatcher = Dispatcher::new(state.clone(), Arc::new(connection), application);
    Ok((registration, dispatcher))
}

pub(super) fn not_registered(error: RegisterError) -> Rejection {
    let cause = match error {
        RegisterError::ShuttingDown(late) => Cause::ShuttingDown(late),
        RegisterError::TooManyGroups => {
            Cause::MalformedHandshake("it names more groups than Config::max_groups allows")
        }
        RegisterError::NameTooLong(_) => Cause::MalformedHandshake(
            "its userId or a groupId is longer than Config::max_name_length allows",
        ),
    };
    cause.into()
}

/// Asks the application whether the socket may open.
async fn connect(registration: &Registration, dispatcher: &Dispatcher) -> Result<(), NotOpened> {
    let answer = registration.unless_killed(Kill::Connection, dispatcher.connect());
    answer.await.unwrap_or_else(|| {
        Err(NotOpened {
            rejection: Cause::ShuttingDown(registration.shutting_down()).into(),
            is_doubtful: dispatcher.asks_elsewhere(),
        })
    })
}
