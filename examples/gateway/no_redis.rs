//! A gateway that was built without Redis.

use crate::{Problem, cluster::Join};

pub(crate) fn join(_: &str, _: &str) -> Result<Join, Problem> {
    Err("--redis: this gateway was built without it; build it with the feature `redis`".into())
}
