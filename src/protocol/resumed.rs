//! The `__resumed` frame, which tells a client how its streams resume.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::protocol::{Position, StreamName};
use crate::protocol::{keys::RESUMED_ACTION, write::write_json};

/// What a client is told of its streams: of all when it opens, of one that it enters later, and of one of
/// which messages are missing.
#[derive(Serialize)]
pub(crate) struct ResumedFrame<'a> {
    action: &'static str,
    #[serde(serialize_with = "write_streams")]
    streams: &'a [(&'a StreamName, Resumed)],
    #[serde(skip_serializing_if = "is_zero")]
    refused: usize,
}

/// What a client is told of one stream.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Resumed {
    /// Whether it gets all that it missed.
    pub(crate) recovered: bool,
    /// How many messages come that it missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missed: Option<usize>,
    /// Why it does not get all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    /// Where it is once it has what it missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Position>,
}

impl Resumed {
    /// What a client is told that lacks nothing of a stream from a position on.
    pub(crate) fn from_now_on(position: Position) -> Self {
        Self {
            recovered: true,
            missed: Some(0),
            reason: None,
            position: Some(position),
        }
    }

    /// What a client is told that is connected and lacks messages of a stream.
    pub(crate) fn gap(position: Position) -> Self {
        Self {
            recovered: false,
            missed: None,
            reason: Some("gap"),
            position: Some(position),
        }
    }
}

impl<'a> ResumedFrame<'a> {
    /// `refused`: how many positions belong to none of these streams.
    pub(crate) fn new(streams: &'a [(&'a StreamName, Resumed)], refused: usize) -> Self {
        Self {
            action: RESUMED_ACTION,
            streams,
            refused,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(64 + 96 * self.streams.len());
        write_json(self, &mut json);
        json
    }
}

fn write_streams<S: Serializer>(
    streams: &[(&StreamName, Resumed)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(streams.len()))?;
    for (name, resumed) in streams {
        object.serialize_entry(name.told_as(), resumed)?;
    }
    object.end()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde wants a function of a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_without_a_value_are_left_out() {
        let position = Some(Position::new(1, 2, 3, 4));
        let recovered = Resumed {
            recovered: true,
            missed: Some(3),
            reason: None,
            position,
        };
        let lost = Resumed {
            recovered: false,
            missed: None,
            reason: Some("expired"),
            position: None,
        };
        let (lobby, user) = (StreamName::from("a\"b"), StreamName::User("ann".into()));
        let streams = [(&lobby, recovered), (&user, lost), (&StreamName::All, lost)];
        let json = |streams, refused| {
            let json = ResumedFrame::new(streams, refused).encode();
            String::from_utf8(json).expect("JSON is UTF-8")
        };
        assert_eq!(
            json(&streams, 2),
            concat!(
                r#"{"action":"__resumed","streams":{"#,
                r#""a\"b":{"recovered":true,"missed":3,"position":"1.2.3.4"},"#,
                r#""__user":{"recovered":false,"reason":"expired"},"#,
                r#""__all":{"recovered":false,"reason":"expired"}},"refused":2}"#
            )
        );
        assert_eq!(json(&[], 0), r#"{"action":"__resumed","streams":{}}"#);
    }
}
