//! The options of the middleware, its callers and its limits: plain data, one setter per option.
//!
//! A [`Config`] is built once, in code, from a settings file or from the environment, and given to
//! the layer. Text is parsed where it enters, so building a layer from a `Config` cannot fail.

mod access;
mod bool;
mod cluster_key;
mod connection_limits;
mod dispatch;
mod environment;
mod error;
mod forward_headers;
mod history;
mod host;
mod options;
mod origin;
mod parse;
mod presence;
mod proxies;
mod queues;
mod rates;
mod routes;
mod script_map;
mod setters;
#[cfg(feature = "settings")]
mod settings;
mod sizes;
mod subprotocol;
mod timeouts;
mod token;
mod url_path;

pub use ipnet::IpNet;

pub use self::connection_limits::WhenFull;
pub use self::error::{ConfigError, ConfigErrorKind};
pub use self::history::HistoryRule;
pub use self::host::{Host, ParseHostError};
pub use self::options::Config;
pub use self::origin::{Origin, ParseOriginError};
pub use self::presence::PresenceRule;
pub use self::proxies::ClientHeader;
pub use self::queues::Overflow;
pub use self::script_map::{ParseScriptMapError, ScriptMap};
pub use self::subprotocol::{ParseSubprotocolError, Subprotocol};
pub use self::token::{BearerToken, ParseBearerTokenError};
pub use self::url_path::{BasePath, ParseBasePathError, ParseUrlPathError, UrlPath};

pub(crate) use self::access::{Access, Origins};
pub(crate) use self::cluster_key::ClusterKey;
pub(crate) use self::connection_limits::ConnectionLimits;
pub(crate) use self::forward_headers::ForwardHeaders;
pub(crate) use self::history::{AppliesTo, Retention};
pub(crate) use self::presence::{PresenceRules, PresenceTerms};
pub(crate) use self::proxies::Proxies;
pub(crate) use self::rates::Rate;
pub(crate) use self::routes::Routes;
pub(crate) use self::url_path::{is_plain_segment, segment_is};
