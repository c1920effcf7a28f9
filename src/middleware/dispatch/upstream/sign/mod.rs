//! The signature of requests to an upstream: how it is made, and checked in random cases.

#[cfg(test)]
mod properties;
mod signature;

pub(super) use self::signature::{SigningKey, sign};
