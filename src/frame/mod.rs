//! RFC 6455 frames, between bytes and events, without input or output.
//!
//! [`Frame`] is what leaves: encoded once, header included. [`Decoder`] reads what arrives, in
//! whatever pieces, and checks all that the RFC asks of a client; what breaks a rule is a
//! [`Violation`], which knows its close code. Header bytes and opcodes are tungstenite's, whose whole
//! `WebSocket` is the oracle that the tests compare the decoder with.

mod decode;
mod encode;
mod error;
mod header;
mod mask;
mod message;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::encode::COST_OF_KEEPING;
pub(crate) use self::{
    decode::Decoder,
    encode::{EMPTY_PONG, Frame, is_close},
    error::Violation,
    message::Event,
};
