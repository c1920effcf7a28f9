//! RFC 6455 frames: [`Frame`] is what a server sends, [`Decoder`] reads and checks what a client
//! sends, and a rule that is broken is a [`Violation`].

mod decode;
mod encode;
mod error;
mod header;
mod mark;
mod mask;
mod message;

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use self::encode::COST_OF_KEEPING;
pub(crate) use self::{
    decode::Decoder,
    encode::{EMPTY_PONG, Frame, is_close},
    error::Violation,
    mark::StreamMark,
    message::Event,
};
