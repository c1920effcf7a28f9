//! Every refusal of the middleware, with its status, text and headers.

mod conversions;
mod problem;
mod table;
#[cfg(test)]
mod tests;

pub use self::problem::Rejection;
pub(crate) use self::table::Cause;
