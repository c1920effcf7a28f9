//! What all services of one layer share: options, hub, hooks, log limits and warn-once flags.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Response, request::Parts};

use super::{
    access::{check_host, looks_proxied, may_call},
    alias::guard,
    dispatch_url::DispatchUrl,
    handshake::HeaderPool,
    hooks::Hooks,
    log::{Kind, Log, OneLine, shown_path},
    rejection::{Cause, Rejection},
    request::{is_by_page, peer_of},
    route::{Route, route},
    socket::DispatchMark,
};
use crate::{config::Config, hub::Hub};

/// What a layer, its clones, and all services and sockets of them have in common.
///
/// A layer makes it once; its services hold the same one. A hook that is set afterwards is set in a
/// copy, which still shares the hub, the log limits and the flags.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) hooks: Hooks,
    pub(super) dispatch_url: DispatchUrl,
    pub(super) header_pool: Arc<HeaderPool>,
    pub(super) log: Arc<Log>,
    warned: Arc<Warned>,
}

/// What the log was told once.
#[derive(Debug, Default)]
struct Warned {
    unread: AtomicBool,
    proxied: AtomicBool,
}

/// The kind of service through which a reserved URL is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// The layered service, open to the world: closed unless configured.
    Public,
    /// The control service, open to every program that can reach it.
    Control,
}

impl State {
    pub(super) fn new(config: Config, hub: Arc<Hub>) -> Self {
        Self {
            dispatch_url: DispatchUrl::new(&config.routes),
            config: Arc::new(config),
            hub,
            hooks: Hooks::default(),
            header_pool: Arc::default(),
            log: Arc::default(),
            warned: Arc::default(),
        }
    }

    /// Decides where a request goes. A dispatched one goes to the application, whatever it looks like.
    pub(super) fn route(&self, parts: &Parts) -> Route {
        if parts.extensions.get::<DispatchMark>().is_some() {
            return Route::Inner;
        }
        route(&self.config, self.hooks.upgrade_if.as_deref(), parts)
    }

    /// Checks a request for the inner service, and removes what it must not bring there, where that
    /// service is a proxy.
    pub(super) fn guard(&self, parts: &mut Parts) -> Result<(), Rejection> {
        let is_dispatched = parts.extensions.get::<DispatchMark>().is_some();
        if !self.config.inner_is_proxy || is_dispatched {
            return Ok(());
        }
        guard(&self.config.routes, parts)
    }

    /// Checks whether this service answers the reserved URLs.
    pub(super) fn check_reserved(&self, surface: Surface) -> Result<(), Rejection> {
        if surface == Surface::Public && self.config.access.control_service_only {
            return Err(Cause::NotFound.into());
        }
        Ok(())
    }

    /// Checks whether a caller may use the reserved URLs.
    pub(super) fn admit_caller(&self, surface: Surface, parts: &Parts) -> Result<(), Rejection> {
        if surface == Surface::Control {
            return self.admit_controller(parts);
        }
        self.look_for_proxy(parts);
        let peer = peer_of(&parts.extensions);
        may_call(&self.config, parts, peer, self.hooks.caller_if.as_deref())
    }

    /// Warns once of a proxy that makes strangers look like local callers.
    ///
    /// A proxy that adds no header and leaves the `Host` to the visitor shows only in what honest
    /// visitors ask for.
    pub(super) fn look_for_proxy(&self, parts: &Parts) {
        let peer = peer_of(&parts.extensions);
        if looks_proxied(&self.config, parts, peer) && !self.warned.proxied.swap(true, Relaxed) {
            tracing::warn!(
                "a request from this machine names another host or was forwarded: there is a proxy \
                 on this machine, and `trust_local_callers` lets every visitor through it who asks \
                 for `Host: localhost`. Use `bearer_tokens` or the control service instead"
            );
        }
    }

    /// Returns whether this is the first time that no handler took the socket out of a request.
    pub(super) fn is_first_unread(&self) -> bool {
        !self.warned.unread.swap(true, Relaxed)
    }

    /// Lets every program use the control service that reaches it and has the token, where tokens are
    /// configured; refuses pages in a browser.
    fn admit_controller(&self, parts: &Parts) -> Result<(), Rejection> {
        check_host(&self.config, parts)?;
        // A page that came here by DNS rebinding is of the same site.
        if is_by_page(parts) {
            let why = "A page in a browser made the request; the control service is for programs.";
            return Err(Cause::CallerNotAllowed(why.into()).into());
        }
        if self.config.access.bearer_tokens.is_empty() {
            return Ok(());
        }
        // Without an address only a token can admit the caller.
        may_call(&self.config, parts, None, None)
    }

    /// Returns whether messages or lifecycle events go to the inner service.
    pub(super) fn needs_inner_service(&self) -> bool {
        self.hooks.upstream.is_none()
            && (self.config.lifecycle_events || self.hooks.need_inner_service())
    }

    /// Returns whether the upgrade request can be looked at after the upgrade.
    pub(super) fn needs_handshake(&self) -> bool {
        self.config.lifecycle_events || self.hooks.need_handshake()
    }

    /// Counts and logs a refusal, and makes the response of it.
    pub(super) fn refuse<RB: From<Bytes>>(
        &self,
        parts: &Parts,
        rejection: Rejection,
    ) -> Response<RB> {
        self.note(parts, &rejection);
        rejection.into_response()
    }

    /// Counts and logs a refusal.
    pub(super) fn note(&self, parts: &Parts, rejection: &Rejection) {
        let kind = rejection.kind();
        self.hub.counters().refused(kind);
        self.log.write(Kind::Refused(kind), |suppressed| {
            let peer = peer_of(&parts.extensions);
            tracing::info!(
                kind = kind.as_str(),
                path = shown_path(&parts.uri),
                peer = %peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string()),
                suppressed,
                "refused a request: {}",
                OneLine(rejection)
            );
        });
    }
}
