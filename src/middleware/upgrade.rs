//! How a socket opens: the steps of an upgrade in their order, then each of them.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

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
    enter::{Identified, NotEntered, enter, not_registered},
    handshake::{Handshake, check, check_query, check_size},
    hooks::Hook,
    log::Kind,
    rejection::{Cause, Rejection},
    request::{ClientAddr, name_origin, peer_of},
    state::State,
};
use crate::{
    config::Config,
    hub::{ConnectionPermit, Identity, Kill, RegisterError, Registration, User},
    protocol::RejectionKind,
    session,
    streams::Carrier,
    unwind::{Contained, Panicked},
};

/// Opens a socket over the connection that the server hands over once the answer has left: a 101, or
/// over HTTP/2 a 200. The first step that fails is the answer.
///
/// The socket is active before this returns, so that a client that sees the answer misses no
/// broadcast.
///
/// # Cancel safety
///
/// A cancelled call opens nothing, or a socket that ends at once.
pub(super) async fn upgrade<RB: From<Bytes>>(
    state: &Arc<State>,
    parts: &Parts,
    on_upgrade: Option<OnUpgrade>,
    application: Option<Arc<dyn Application>>,
) -> Result<Response<RB>, Rejection> {
    let accept = check(&state.config, parts)?;
    let on_upgrade = on_upgrade.ok_or(Cause::NoUpgradeHandle)?;
    check_page(state, parts)?;
    let (client, permit) = take_permit(state, parts)?;
    state
        .hub
        .take_handshake()
        .map_err(Cause::TooManyHandshakes)?;
    let identified = identify(state, parts, client).await?;

    // The rest is done by the socket's own task: a request that is dropped meanwhile cannot lose the
    // disconnect event.
    let carrier = Carrier::of(parts.version);
    let (answer, answered) = oneshot::channel();
    let shared = state.clone();
    let task = async move {
        let state = shared;
        match enter(&state, identified, permit, application).await {
            Ok((registration, dispatcher)) => {
                let on_upgrade = answer.send(Ok(())).is_ok().then_some(on_upgrade);
                run(&state, registration, dispatcher, on_upgrade, carrier).await;
            }
            Err(NotEntered { rejection, half }) => {
                // A client that is gone needs no refusal.
                let _unheard = answer.send(Err(rejection));
                if let Some((registration, dispatcher)) = half {
                    session::run_unopened(registration, Box::new(dispatcher)).await;
                }
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "each socket has a task of its own, from its opening on"
    )]
    tokio::spawn(task);
    match answered.await {
        Ok(outcome) => outcome.map(|()| accept.response()),
        Err(_dropped) => Err(Cause::ShuttingDown(state.hub.shutting_down()).into()),
    }
}

/// Takes a socket through the same steps whose handshake the host has done itself.
pub(super) async fn admit(
    state: &Arc<State>,
    parts: &Parts,
    application: Option<Arc<dyn Application>>,
) -> Result<(Registration, Dispatcher), Rejection> {
    check_page(state, parts)?;
    let (client, permit) = take_permit(state, parts)?;
    state
        .hub
        .take_handshake()
        .map_err(Cause::TooManyHandshakes)?;
    let identified = identify(state, parts, client).await?;
    match enter(state, identified, permit, application).await {
        Ok(entered) => Ok(entered),
        Err(NotEntered { rejection, half }) => {
            if let Some((registration, dispatcher)) = half {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the client does not wait until the application has heard of the end"
                )]
                tokio::spawn(session::run_unopened(registration, Box::new(dispatcher)));
            }
            Err(rejection)
        }
    }
}

/// Answers a plain GET as an upgrade would be answered, except that the application is not asked to
/// connect. It registers nothing, and holds a permit only until it is answered.
pub(super) async fn probe<RB: From<Bytes>>(
    state: &State,
    parts: &mut Parts,
) -> Result<Response<RB>, Rejection> {
    name_origin(&mut parts.headers);
    check_page(state, parts)?;
    // A client that could ask the hook without a permit could ask it as often as it likes.
    let (client, _permit) = take_permit(state, parts)?;
    state
        .hub
        .check_handshake()
        .map_err(Cause::TooManyHandshakes)?;
    let identified = identify(state, parts, client).await?;
    state.hub.check_user(&identified.user())?;
    let mut response = Response::new(RB::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    name_subprotocols(&state.config, response.headers_mut());
    Ok(response)
}

/// Has the connection end after a refused upgrade: the client may have sent frames already, which
/// must not be read as its next request.
pub(super) fn end_connection<RB>(version: Version, mut response: Response<RB>) -> Response<RB> {
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

/// Checks that the page may have sockets here. It comes before the limits: a page that may not learns
/// nothing else.
fn check_page(state: &State, parts: &Parts) -> Result<(), Rejection> {
    check_size(&state.config, parts)?;
    check_host(&state.config, parts)?;
    check_origin(&state.config, parts)
}

/// Takes one of the sockets that the limits allow, over all and for this client.
fn take_permit(
    state: &State,
    parts: &Parts,
) -> Result<(Option<ClientAddr>, ConnectionPermit), Rejection> {
    state.hub.check_running().map_err(Cause::ShuttingDown)?;
    if let Some(upstream) = &state.hooks.upstream {
        upstream.check_room()?;
    }
    state.look_for_proxy(parts);
    let peer = peer_of(&parts.extensions);
    let client = ClientAddr::find(&state.config.proxies, &parts.headers, peer);
    let permit = state.hub.permit(client.map(ClientAddr::ip))?;
    Ok((client, permit))
}

/// Asks the application for the client's identity, or takes what its query claims.
async fn identify(
    state: &State,
    parts: &Parts,
    client: Option<ClientAddr>,
) -> Result<Identified, Rejection> {
    check_query(parts)?;
    let handshake = Handshake::new(parts, peer_of(&parts.extensions), client);
    let (identity, as_user): (_, fn(_) -> _) = match &state.hooks.identify {
        Some(hook) => (verified(state, hook, &handshake).await?, User::Verified),
        None => (claimed(state, &handshake)?, User::Claimed),
    };
    Ok(Identified {
        handshake,
        identity,
        as_user,
    })
}

fn claimed(state: &State, handshake: &Handshake) -> Result<Identity, Rejection> {
    let (user, groups) = handshake.claim();
    let mut identity = Identity::user(user);
    identity.groups = groups;
    state.hub.check_names(&identity).map_err(not_registered)?;
    Ok(identity)
}

async fn verified(
    state: &State,
    hook: &Hook<Handshake, Result<Identity, Rejection>>,
    handshake: &Handshake,
) -> Result<Identity, Rejection> {
    let answer = Contained::new(hook(handshake.clone()), || {
        state.log.write(Kind::IdentifyPanicked, |suppressed| {
            tracing::error!(suppressed, "the identify hook panicked");
        });
    });
    let identity = match timeout(state.config.identify_timeout, answer).await {
        Ok(Ok(Ok(identity))) => identity,
        Ok(Ok(Err(rejection))) => return Err(rejection.with_kind(RejectionKind::IdentifyRefused)),
        Ok(Err(Panicked)) => return Err(Cause::IdentifyFailed.into()),
        Err(_elapsed) => return Err(Cause::IdentifyTimedOut.into()),
    };
    if identity.is_expired() {
        return Err(Cause::IdentityExpired.into());
    }
    if let Err(excess) = state.hub.check_names(&identity) {
        state.log.write(Kind::IdentifyExceeded, |suppressed| {
            complain_of(excess, suppressed);
        });
        return Err(Cause::IdentifyFailed.into());
    }
    Ok(identity)
}

/// Logs that the hook named more than a socket may have.
fn complain_of(excess: RegisterError, suppressed: Option<NonZeroU64>) {
    match excess {
        RegisterError::NameTooLong(bytes) => tracing::error!(
            bytes,
            suppressed,
            "refused a client: the identify hook named a user or group longer than \
             Config::max_name_length"
        ),
        RegisterError::TooManyGroups | RegisterError::ShuttingDown(_) => tracing::error!(
            suppressed,
            "refused a client: the identify hook named more groups than Config::max_groups"
        ),
    }
}

/// Waits for the connection that the server hands over, and runs the socket on it; without
/// `on_upgrade` the client did not wait for the answer.
async fn run(
    state: &State,
    registration: Registration,
    dispatcher: Dispatcher,
    on_upgrade: Option<OnUpgrade>,
    carrier: Carrier,
) {
    let handler = Box::new(dispatcher);
    if let Some(on_upgrade) = on_upgrade {
        let handover = timeout(HANDOVER, on_upgrade);
        match registration.unless_killed(Kill::Connection, handover).await {
            Some(Ok(Ok(upgraded))) => {
                let config = state.config.clone();
                session::spawn_upgraded(upgraded, carrier, registration, config, handler);
                return;
            }
            Some(Ok(Err(error))) if error.is_user() => {
                state.log.write(Kind::NoUpgrades, |suppressed| {
                    tracing::warn!(
                        %error,
                        suppressed,
                        "a handshake was accepted, but the server does not hand over its connections: \
                         call with_upgrades of plain hyper, or serve_connection_with_upgrades"
                    );
                });
            }
            Some(Ok(Err(error))) => {
                tracing::debug!(%error, "a connection was lost before its socket could open");
            }
            Some(Err(_elapsed)) => state.log.write(Kind::NoHandover, |suppressed| {
                tracing::warn!(
                    suppressed,
                    "a handshake was accepted, but the server did not hand over the connection: no \
                     outer layer may replace the response, the server must allow upgrades, and the \
                     client must read the answer"
                );
            }),
            None => {}
        }
    }
    session::run_unopened(registration, handler).await;
}

/// Tells the client which subprotocols it might have offered: no page can offer one with a GET, and
/// an upgrade that offers others goes to the application, which may not know of it.
fn name_subprotocols(config: &Config, headers: &mut HeaderMap) {
    if config.subprotocols.is_empty() {
        headers.insert(PROTOCOLS, HeaderValue::from_static(""));
    }
    for subprotocol in &config.subprotocols {
        headers.append(PROTOCOLS, subprotocol.header());
    }
}

const PROTOCOLS: HeaderName = HeaderName::from_static("websocket-protocols");

/// How long a server may take from the answer to the stream.
const HANDOVER: Duration = Duration::from_secs(10);
