//! Longer pages than an item's documentation can hold.

#[doc = include_str!("access.md")]
///
/// ---
///
/// Items: [`Config`](crate::Config), [`WebConnectionSocketLayer::control_service`], [`PeerAddr`],
/// [`Rejection`].
///
/// [`WebConnectionSocketLayer::control_service`]: crate::WebConnectionSocketLayer::control_service
/// [`PeerAddr`]: crate::PeerAddr
/// [`Rejection`]: crate::Rejection
pub mod access {}

#[doc = include_str!("messages.md")]
///
/// ---
///
/// Items: [`SocketMessage`](crate::SocketMessage), [`Socket`](crate::Socket), [`Hub`](crate::Hub),
/// [`ErrorCode`](crate::ErrorCode), [`Config`](crate::Config).
pub mod messages {}

#[doc = include_str!("identity.md")]
///
/// ---
///
/// Items: [`WebConnectionSocketLayer::identify`], [`Handshake`](crate::Handshake),
/// [`Identity`](crate::Identity), [`Rejection`](crate::Rejection), [`User`](crate::User).
///
/// [`WebConnectionSocketLayer::identify`]: crate::WebConnectionSocketLayer::identify
pub mod identity {}

#[doc = include_str!("presence.md")]
///
/// ---
///
/// Items: [`Config::presence`](crate::Config::presence), [`PresenceRule`](crate::config::PresenceRule),
/// [`Hub::presence`](crate::Hub::presence), [`Socket::set_presence`](crate::Socket::set_presence),
/// [`Identity::may_watch`](crate::Identity::may_watch), [`PresenceChange`](crate::PresenceChange).
pub mod presence {}

#[doc = include_str!("browser.md")]
///
/// ---
///
/// Items: [`script`](crate::script), [`Config::subprotocols`](crate::Config::subprotocols),
/// [`Rejection`](crate::Rejection), [`RejectionKind`](crate::RejectionKind).
pub mod browser {}

#[doc = include_str!("history.md")]
///
/// ---
///
/// Items: [`Config::history`](crate::Config::history), [`HistoryRule`](crate::config::HistoryRule),
/// [`Hub::history`](crate::Hub::history), [`Hub::position`](crate::Hub::position),
/// [`Position`](crate::Position), [`HistoryStats`](crate::HistoryStats).
pub mod history {}

#[doc = include_str!("hosts.md")]
///
/// ---
///
/// Items: [`WebConnectionSocketLayer`](crate::WebConnectionSocketLayer),
/// [`WebConnectionSocket::accept`], [`RequestBody`](crate::RequestBody),
/// [`PeerAddr`], [`Handshake`](crate::Handshake).
///
/// [`WebConnectionSocket::accept`]: crate::WebConnectionSocket::accept
/// [`PeerAddr`]: crate::PeerAddr
pub mod hosts {}

#[doc = include_str!("gateway.md")]
///
/// ---
///
/// Items: `Upstream` (feature `upstream`), [`Config`](crate::Config), [`script`](crate::script).
pub mod gateway {}

#[doc = include_str!("web_connection.md")]
///
/// ---
///
/// Items: [`Config`](crate::Config), [`Socket`](crate::Socket), [`script`](crate::script),
/// [`Broadcaster`](crate::Broadcaster).
pub mod web_connection {}

#[doc = include_str!("engine.md")]
///
/// ---
///
/// Items: [`Hub`](crate::Hub), [`Config`](crate::Config), [`Stats`](crate::Stats).
pub mod engine {}

#[doc = include_str!("scaling.md")]
///
/// ---
///
/// Items: [`WebConnectionSocketLayer::backplane`](crate::WebConnectionSocketLayer::backplane),
/// [`backplane`](crate::backplane), [`Cluster`](crate::Cluster), [`ClusterEvent`](crate::ClusterEvent),
/// [`ClusterStats`](crate::ClusterStats).
pub mod scaling {}

#[doc = include_str!("promises.md")]
///
/// ---
///
/// Items: [`Config`](crate::Config), [`Stats`](crate::Stats), [`CloseReason`](crate::CloseReason).
pub mod promises {}

#[doc = include_str!("testing.md")]
///
/// ---
///
/// Items: [`Server`](crate::testing::Server), [`Client`](crate::testing::Client).
pub mod testing {}
