//! The error of a link to a broker.

use std::{error::Error, fmt};

/// Why a link to a broker could not be opened, or is over.
///
/// # Examples
///
/// ```
/// use web_connection_socket::backplane::BackplaneError;
///
/// let error = BackplaneError::unknown("connection reset by peer");
/// assert!(error.is_unknown());
/// assert_eq!(
///     error.to_string(),
///     "connection reset by peer; whether the last messages have reached the broker is not known",
/// );
/// ```
#[derive(Debug)]
pub struct BackplaneError {
    is_unknown: bool,
    cause: Box<dyn Error + Send + Sync>,
}

impl BackplaneError {
    /// Returns the error of a link that was not opened, or of commands of which none reached the broker.
    #[must_use]
    pub fn not_sent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            is_unknown: false,
            cause: cause.into(),
        }
    }

    /// Returns the error of commands that were sent and not confirmed: each may have been executed.
    #[must_use]
    pub fn unknown(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            is_unknown: true,
            cause: cause.into(),
        }
    }

    /// Whether the commands were sent and the broker has not answered, so that it may have executed
    /// them.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.is_unknown
    }
}

impl fmt::Display for BackplaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        if self.is_unknown {
            f.write_str("; whether the last messages have reached the broker is not known")?;
        }
        Ok(())
    }
}

impl Error for BackplaneError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The cause is part of the text already.
        self.cause.source()
    }
}
