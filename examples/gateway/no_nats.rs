//! A gateway that was built without NATS.

use crate::{Problem, cluster::Join};

pub(crate) fn join(_: &str, _: &str) -> Result<Join, Problem> {
    Err("--nats: this gateway was built without it; build it with the feature `nats`".into())
}
