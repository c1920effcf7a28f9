//! RFC 6455 between bytes and messages, without input or output.

mod assembly;
mod decode;
mod encode;
mod error;
mod header;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::encode::COST_OF_KEEPING;
pub(crate) use self::{
    decode::{Decoder, Event},
    encode::Frame,
    error::Violation,
};
