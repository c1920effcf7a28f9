//! The messages and frames between browser, server and application, as plain data.
//!
//! Nothing here is async or does I/O: functions of their arguments read and write a message and find
//! its audience.

mod audience;
mod close_reason;
mod dedup_set;
mod default_audience;
mod deserialize;
mod error_frame;
mod expected;
mod extra;
mod foreign;
mod forwarded;
mod id;
mod json_limits;
mod keys;
mod message;
mod message_error;
mod position;
mod raw_message;
mod read;
mod read_message;
mod read_name;
mod read_recipients;
mod read_written;
mod recipient;
mod recipients;
mod rejection_kind;
mod report;
mod resumed;
mod stream_name;
mod write;

pub(crate) use self::audience::{Index, Selection, resolve, selects_all};
pub(crate) use self::close_reason::is_sendable;
pub use self::close_reason::{CloseReason, ParseCloseReasonError};
pub(crate) use self::dedup_set::DedupSet;
pub use self::default_audience::DefaultAudience;
pub use self::error_frame::ErrorCode;
pub(crate) use self::error_frame::ErrorFrame;
pub(crate) use self::foreign::foreign_text;
pub use self::forwarded::{Forwarded, NotForwarded};
pub(crate) use self::forwarded::{Forwarding, Receipt};
pub use self::id::{ConnectionId, GroupId, ParseConnectionIdError, UserId};
pub(crate) use self::keys::{PING_ACTION, PRESENCE_ACTION};
pub use self::message::SocketMessage;
pub use self::message_error::{MessageError, MessageErrorKind};
pub use self::position::{ParsePositionError, Position};
pub use self::raw_message::RawMessage;
pub use self::recipient::{Recipient, RecipientType};
pub use self::rejection_kind::RejectionKind;
pub use self::report::BroadcastReport;
pub(crate) use self::report::Settlement;
pub(crate) use self::resumed::{Resumed, ResumedFrame};
pub use self::stream_name::StreamName;
pub(crate) use self::stream_name::{StreamRef, stream_of};
