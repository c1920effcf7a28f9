//! Options that say where the middleware listens, and where it sends messages for the application.

use super::{BasePath, ScriptMap, UrlPath};

/// Where the middleware listens, and where it sends messages for the application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    pub(crate) script_map: ScriptMap,
    pub(crate) base: BasePath,
    pub(crate) socket: Option<UrlPath>,
    pub(crate) dispatch: Option<UrlPath>,
    pub(crate) follow_page_directory: bool,
}
