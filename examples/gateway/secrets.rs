//! Secrets: from an option, or from a file with one on each line.

use std::{fs, path::PathBuf};

use crate::Problem;

/// Collects the secrets of an option and of its `…-file`.
///
/// # Errors
///
/// If the file cannot be read or holds none. The text repeats no secret.
pub(crate) fn collect(
    option: &str,
    given: &[String],
    file: Option<&PathBuf>,
) -> Result<Vec<String>, Problem> {
    let mut secrets = given.to_vec();
    if let Some(path) = file {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|error| format!("--{option}-file {shown} cannot be read: {error}"))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let before = secrets.len();
        secrets.extend(lines.map(str::to_owned));
        if secrets.len() == before {
            return Err(format!("--{option}-file {shown} holds nothing but blanks").into());
        }
    }
    if secrets.iter().any(|secret| secret.trim().is_empty()) {
        return Err(format!("--{option} must not be empty").into());
    }
    Ok(secrets)
}
