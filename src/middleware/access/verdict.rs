//! What one condition says of a caller.

use crate::middleware::rejection::Cause;

/// What one condition says of the caller: none if it is not configured.
pub(super) type Verdict = Option<Result<(), Cause>>;

pub(super) fn refused(why: &str) -> Verdict {
    Some(Err(Cause::CallerNotAllowed(why.into())))
}
