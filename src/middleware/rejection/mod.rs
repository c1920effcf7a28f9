//! Every refusal, with its status, text and headers: no other file builds one.

mod conversions;
mod problem;
mod table;
#[cfg(test)]
mod tests;

pub use self::problem::Rejection;
pub(crate) use self::table::Cause;
