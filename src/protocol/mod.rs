//! What travels between browser, server and application, as plain data.
//!
//! No async in here: a message is read, written and resolved to its audience by
//! functions of their arguments.

mod audience;
mod close_reason;
mod dedup_set;
mod deserialize;
mod error_frame;
mod expected;
mod extra;
mod id;
mod json_limits;
mod keys;
mod message;
mod message_error;
mod raw_message;
mod read;
mod read_name;
mod read_recipients;
mod recipient;
mod recipients;
mod rejection_kind;
mod report;
mod write;

pub use self::audience::DefaultAudience;
pub(crate) use self::audience::{Index, Selection, is_everyone, resolve};
pub(crate) use self::close_reason::is_sendable;
pub use self::close_reason::{CloseReason, ParseCloseReasonError};
pub(crate) use self::dedup_set::DedupSet;
pub use self::error_frame::ErrorCode;
pub(crate) use self::error_frame::ErrorFrame;
pub use self::id::{ConnectionId, GroupId, ParseConnectionIdError, UserId};
pub(crate) use self::keys::PING_ACTION;
pub use self::message::SocketMessage;
pub use self::message_error::{MessageError, MessageErrorKind};
pub use self::raw_message::RawMessage;
pub use self::recipient::{Recipient, RecipientType};
pub use self::rejection_kind::RejectionKind;
pub use self::report::BroadcastReport;
