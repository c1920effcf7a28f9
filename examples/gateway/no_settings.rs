//! A gateway that was built without XML.

use std::path::Path;

use web_connection_socket::Config;

use crate::Problem;

pub(crate) fn read(_: Config, _: &Path) -> Result<Config, Problem> {
    Err(
        "--settings: this gateway was built without them; build it with the feature `settings`"
            .into(),
    )
}
