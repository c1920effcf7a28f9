//! From a handshake to a running socket: who is it, may it come in, then its task.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version, header::CONNECTION,
    request::Parts,
};
use hyper::upgrade::OnUpgrade;
use tokio::{sync::oneshot, time::timeout};

use super::{
    access::{check_host, check_origin},
    dispatch::{Application, Dispatcher},
    handshake::{Handshake, check_query, check_size},
    log::Kind,
    rejection::{Cause, Rejection},
    request::{ClientAddr, name_origin, peer_of},
    shared::Shared,
    source::Connection,
};
use crate::{
    config::Config,
    hub::{ConnectionPermit, Identity, Kill, RegisterError, Registration, User},
    protocol::{RejectionKind, UserId},
    session,
    streams::Carrier,
    unwind::{Contained, Panicked},
};

/// Who asks for a socket, once that is known and allowed, and the permit that was taken for it.
pub(super) struct Admitted {
    visitor: Visitor,
    permit: ConnectionPermit,
}

struct Visitor {
    handshake: Handshake,
    identity: Identity,
    /// Whether somebody checked.
    vouch: fn(UserId) -> User,
}

impl Visitor {
    fn user(&self) -> User {
        (self.vouch)(self.identity.user.clone())
    }
}

/// Whether an upgrade may go on: the page, then the caps, then what [`visitor`] asks.
pub(super) async fn admit(shared: &Shared, parts: &Parts) -> Result<Admitted, Rejection> {
    check_page(shared, parts)?;
    if shared.hub.is_shutting_down() {
        return Err(Cause::ShuttingDown.into());
    }
    shared.look_for_proxy(parts);
    let client = client_of(shared, parts);
    let permit = shared.hub.permit(client.map(ClientAddr::ip))?;
    let visitor = visitor(shared, parts, client).await?;
    Ok(Admitted { visitor, permit })
}

/// Whether the page that asks may have sockets here. It comes first: what else is wrong is told to no
/// other page.
fn check_page(shared: &Shared, parts: &Parts) -> Result<(), Rejection> {
    check_size(&shared.config, parts)?;
    check_host(&shared.config, parts)?;
    check_origin(&shared.config, parts)
}

/// Who asks, as the application knows it.
async fn visitor(
    shared: &Shared,
    parts: &Parts,
    client: Option<ClientAddr>,
) -> Result<Visitor, Rejection> {
    check_query(parts)?;
    let handshake = Handshake::new(parts, peer_of(&parts.extensions), client);

    let Some(identify) = &shared.hooks.identify else {
        let (user, groups) = handshake.claim();
        let mut identity = Identity::user(user);
        identity.groups = groups;
        shared.hub.check_names(&identity).map_err(refused)?;
        return Ok(Visitor {
            handshake,
            identity,
            vouch: User::Claimed,
        });
    };
    let answer = Contained::new(identify(handshake.clone()), || {
        shared.log.write(Kind::IdentifyPanicked, |suppressed| {
            tracing::error!(suppressed, "the identify hook panicked");
        });
    });
    let identity = match timeout(shared.config.identify_timeout, answer).await {
        Ok(Ok(Ok(identity))) => identity,
        Ok(Ok(Err(rejection))) => return Err(rejection.of_kind(RejectionKind::IdentifyRefused)),
        Ok(Err(Panicked)) => return Err(Cause::IdentifyFailed.into()),
        Err(_elapsed) => return Err(Cause::IdentifyTimedOut.into()),
    };
    if identity.is_expired() {
        return Err(Cause::IdentityExpired.into());
    }
    if let Err(excess) = shared.hub.check_names(&identity) {
        shared.log.write(Kind::IdentifyExceeded, |suppressed| {
            complain_of(excess, suppressed);
        });
        return Err(Cause::IdentifyFailed.into());
    }
    Ok(Visitor {
        handshake,
        identity,
        vouch: User::Verified,
    })
}

fn client_of(shared: &Shared, parts: &Parts) -> Option<ClientAddr> {
    let peer = peer_of(&parts.extensions);
    ClientAddr::find(&shared.config.proxies, &parts.headers, peer)
}

/// Answers a plain GET as an upgrade would be answered. It opens and joins nothing, and has a permit
/// only until it is answered.
pub(super) async fn probe<RB: From<Bytes>>(
    shared: &Shared,
    parts: &mut Parts,
) -> Result<Response<RB>, Rejection> {
    name_origin(&mut parts.headers);
    check_page(shared, parts)?;
    if shared.hub.is_shutting_down() {
        return Err(Cause::ShuttingDown.into());
    }
    shared.look_for_proxy(parts);
    let client = client_of(shared, parts);
    // A client that could ask the hook without a permit could ask it as often as it likes.
    let _seat = shared.hub.permit(client.map(ClientAddr::ip))?;
    let visitor = visitor(shared, parts, client).await?;
    shared.hub.check_user(&visitor.user())?;
    let mut response = Response::new(RB::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    name_subprotocols(&shared.config, response.headers_mut());
    Ok(response)
}

/// Tells the client which subprotocols it might have offered: no page can offer one with a GET, and
/// an upgrade that offers others is the application's, which may know nothing of it.
fn name_subprotocols(config: &Config, headers: &mut HeaderMap) {
    if config.subprotocols.is_empty() {
        headers.insert(PROTOCOLS, HeaderValue::from_static(""));
    }
    for subprotocol in &config.subprotocols {
        headers.append(PROTOCOLS, subprotocol.header());
    }
}

/// Has the connection end after a refused upgrade: the client may have sent frames already, which are
/// not to be read as its next request.
pub(super) fn ended<RB>(version: Version, mut response: Response<RB>) -> Response<RB> {
    // RFC 9113 §8.2.2: streams of HTTP/2 end by themselves, and there is no such header.
    if version <= Version::HTTP_11 {
        let headers = response.headers_mut();
        let names_upgrade = headers.contains_key(CONNECTION);
        let value = if names_upgrade {
            "Upgrade, close"
        } else {
            "close"
        };
        headers.insert(CONNECTION, HeaderValue::from_static(value));
    }
    response
}

/// Opens a socket over the connection that the server hands over once the answer has left: a 101, or
/// over HTTP/2 a 200.
///
/// The socket is registered before this returns, so that whoever sees the answer misses nothing. From
/// the connect event on all is done by the socket's own task: a request that is dropped meanwhile
/// cannot lose the disconnect event.
///
/// # Cancel safety
///
/// A cancelled call opens nothing, or a socket that ends at once.
pub(super) async fn open(
    shared: &Arc<Shared>,
    admitted: Admitted,
    application: Option<Arc<dyn Application>>,
    on_upgrade: OnUpgrade,
    carrier: Carrier,
) -> Result<(), Rejection> {
    let shared = shared.clone();
    let (opened, opening) = oneshot::channel();
    let task = async move {
        let (registration, dispatcher) = match enter(&shared, admitted, application).await {
            Ok(entered) => entered,
            Err(rejection) => {
                // Whoever asked may be gone; then nobody needs the refusal.
                let _unheard = opened.send(Err(rejection));
                return;
            }
        };
        let inbound = Box::new(dispatcher);
        if opened.send(Ok(())).is_err() {
            return session::run_unopened(registration, inbound).await;
        }
        let handover = timeout(HANDOVER, on_upgrade);
        match registration.unless_killed(Kill::Connection, handover).await {
            Some(Ok(Ok(upgraded))) => {
                let config = shared.config.clone();
                session::spawn_upgraded(upgraded, carrier, registration, config, inbound);
            }
            Some(Ok(Err(error))) if error.is_user() => {
                shared.log.write(Kind::NoUpgrades, |suppressed| {
                    tracing::warn!(
                        %error,
                        suppressed,
                        "a handshake was accepted, but the server keeps its connections to itself: \
                         with plain hyper call with_upgrades, or serve_connection_with_upgrades"
                    );
                });
                session::run_unopened(registration, inbound).await;
            }
            Some(Ok(Err(error))) => {
                tracing::debug!(%error, "a connection was lost before its socket could open");
                session::run_unopened(registration, inbound).await;
            }
            None => session::run_unopened(registration, inbound).await,
            Some(Err(_elapsed)) => {
                shared.log.write(Kind::NoHandover, |suppressed| {
                    tracing::warn!(
                        suppressed,
                        "a handshake was accepted, but the server did not hand the connection over: \
                         no layer outside may replace the response, the server has to allow \
                         upgrades, and the client has to take the answer"
                    );
                });
                session::run_unopened(registration, inbound).await;
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "each socket has a task of its own, from its opening on"
    )]
    tokio::spawn(task);
    match opening.await {
        Ok(outcome) => outcome,
        Err(_dropped) => Err(Cause::ShuttingDown.into()),
    }
}

/// Gives a visitor its place in the hub, if the application agrees.
pub(super) async fn enter(
    shared: &Arc<Shared>,
    admitted: Admitted,
    application: Option<Arc<dyn Application>>,
) -> Result<(Registration, Dispatcher), Rejection> {
    let Admitted {
        visitor,
        mut permit,
    } = admitted;
    permit.of_user(&visitor.user())?;
    let Visitor {
        handshake,
        identity,
        vouch,
    } = visitor;
    let mut registration = shared.hub.register(identity, vouch).map_err(refused)?;
    registration.keep(permit);
    let connection = Connection {
        peer: registration.entry().clone(),
        handshake: shared
            .needs_handshake()
            .then(|| handshake.forwarded(&shared.config.forward_headers)),
    };
    let dispatcher = Dispatcher::new(shared.clone(), Arc::new(connection), application);
    let connect = dispatcher.connect();
    match registration.unless_killed(Kill::Connection, connect).await {
        Some(answer) => answer?,
        None => return Err(Cause::ShuttingDown.into()),
    }
    registration.list();
    Ok((registration, dispatcher))
}

/// What a handshake is told whose names are too much.
fn refused(error: RegisterError) -> Rejection {
    let cause = match error {
        RegisterError::ShuttingDown => Cause::ShuttingDown,
        RegisterError::TooManyGroups => {
            Cause::MalformedHandshake("it names more groups than Config::max_groups allows")
        }
        RegisterError::NameTooLong(_) => Cause::MalformedHandshake(
            "its userId or a groupId is longer than Config::max_name_length allows",
        ),
    };
    cause.into()
}

/// Tells the application whose hook named more than a socket may have.
fn complain_of(excess: RegisterError, suppressed: u64) {
    match excess {
        RegisterError::NameTooLong(bytes) => tracing::error!(
            bytes,
            suppressed,
            "the identify hook named a user or a group longer than Config::max_name_length allows, so \
             its visitor is refused"
        ),
        RegisterError::TooManyGroups | RegisterError::ShuttingDown => tracing::error!(
            suppressed,
            "the identify hook named more groups than Config::max_groups allows, so its visitor is \
             refused"
        ),
    }
}

const PROTOCOLS: HeaderName = HeaderName::from_static("websocket-protocols");

/// How long a server may take from the answer to the stream.
const HANDOVER: Duration = Duration::from_secs(10);
