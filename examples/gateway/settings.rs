//! The settings files of a Web Connection site.

use std::path::Path;

use web_connection_socket::Config;

use crate::Problem;

pub(crate) fn read(config: Config, folder: &Path) -> Result<Config, Problem> {
    Ok(config.with_settings_folder(folder)?)
}
