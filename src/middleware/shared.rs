use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{Response, request::Parts};

use super::{
    access::{check_host, looks_proxied, may_call},
    hooks::{Fallback, Hooks},
    log::{Kind, Log, OneLine, shown_path},
    rejection::{Cause, Rejection},
    request::{is_by_page, peer_of},
    route::{Route, route},
    socket::Mark,
    target::Target,
};
use crate::{config::Config, hub::Hub};

/// What all requests and sockets of one layered service have in common.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) hooks: Hooks,
    pub(super) target: Target,
    pub(super) log: Log,
    pub(crate) unread: AtomicBool,
    controlled: Arc<AtomicBool>,
    proxied: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        config: Arc<Config>,
        hub: Arc<Hub>,
        hooks: Hooks,
        controlled: Arc<AtomicBool>,
    ) -> Self {
        Self {
            target: Target::new(&config.paths),
            config,
            hub,
            hooks,
            log: Log::default(),
            unread: AtomicBool::new(false),
            controlled,
            proxied: AtomicBool::new(false),
        }
    }

    /// Where a request goes. One that was dispatched already is the application's, whatever else
    /// it looks like.
    pub(super) fn route(&self, parts: &Parts) -> Route {
        if parts.extensions.get::<Mark>().is_some() {
            return Route::Inner;
        }
        route(&self.config, self.hooks.upgrade_if.as_deref(), parts)
    }

    /// Whether a caller may use the reserved URLs.
    pub(super) fn admit_caller(&self, door: Surface, parts: &Parts) -> Result<(), Rejection> {
        if door == Surface::Control {
            return self.admit_controller(parts);
        }
        if self.controlled.load(Relaxed) {
            return Err(Cause::NotFound.into());
        }
        self.look_for_proxy(parts);
        let peer = peer_of(&parts.extensions);
        may_call(&self.config, parts, peer, self.hooks.caller_if.as_deref())
    }

    /// Warns once of a proxy that makes strangers local callers. One that adds no header and leaves the
    /// `Host` to the visitor is seen only by what honest visitors ask for.
    pub(super) fn look_for_proxy(&self, parts: &Parts) {
        let peer = peer_of(&parts.extensions);
        if looks_proxied(&self.config, parts, peer) && !self.proxied.swap(true, Relaxed) {
            tracing::warn!(
                "a request from this machine names another host or was forwarded: there is a proxy \
                 on this machine, and `trust_local_callers` lets every visitor through it who asks \
                 for `Host: localhost`. Use `bearer_tokens` or the control service instead"
            );
        }
    }

    /// Whoever reaches the control service may use it, except a page in a browser.
    fn admit_controller(&self, parts: &Parts) -> Result<(), Rejection> {
        check_host(&self.config, parts)?;
        // A page that DNS rebinding brought here is of the same site.
        if is_by_page(parts) {
            let why = "A page in a browser made the request; the control service is for programs.";
            return Err(Cause::CallerNotAllowed(why.into()).into());
        }
        if self.config.access.bearer_tokens.is_empty() {
            return Ok(());
        }
        // Without an address only a token can be what admits the caller.
        may_call(&self.config, parts, None, None)
    }

    /// Whether messages, or news of sockets, go to the inner service.
    pub(super) fn needs_inner_service(&self) -> bool {
        self.config.lifecycle_events || matches!(self.hooks.otherwise, Fallback::InnerService)
    }

    /// Whether anything that runs after the upgrade can look at the request that asked for it.
    pub(super) fn needs_handshake(&self) -> bool {
        self.needs_inner_service()
            || matches!(self.hooks.otherwise, Fallback::Handler(_))
            || !self.hooks.actions.is_empty()
            || self.hooks.raw.is_some()
            || self.hooks.expiry.is_some()
            || self.hooks.connect.is_some()
            || self.hooks.open.is_some()
            || self.hooks.disconnect.is_some()
    }

    /// Counts a refusal and makes it the answer.
    pub(super) fn refuse<RB: From<Bytes>>(
        &self,
        parts: &Parts,
        rejection: Rejection,
    ) -> Response<RB> {
        self.note(parts, &rejection);
        rejection.into_response()
    }

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

/// Through which service a reserved URL is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// The layered service, open to the world: closed unless configured.
    Public,
    /// The control service, open to whom the host lets reach it.
    Control,
}
