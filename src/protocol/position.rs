//! The position of a message in its stream, from which clients resume.

use std::error::Error;
use std::fmt::{self, Write};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// The position of a message in its stream. Messages up to it are known; later ones can be requested.
///
/// A message of a group, a user or all sockets for which there is a
/// [`HistoryRule`](crate::config::HistoryRule) carries its position as the key `__position`. A browser
/// sends the last one back when it reconnects, and gets what it missed.
///
/// Its text has at most 60 bytes, is safe in a URL and names neither the group nor the user. Keep it as it
/// is: its parts have no meaning outside of the server, and two positions can only be compared for
/// equality.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Config, Hub, Position, SocketMessage, config::HistoryRule};
///
/// let hub = Hub::new(&Config::new().history(HistoryRule::group("lobby")));
/// let report = hub.broadcast(&SocketMessage::new("chat").to_group("lobby"));
/// let position = report.position().expect("the lobby has a history");
/// assert_eq!(position.to_string().parse::<Position>()?, *position);
/// # Ok::<(), web_connection_socket::ParsePositionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// A hash of the stream's name.
    stream: u64,
    /// A life of the stream: positions of different ones cannot be compared. 0 is none, so that nothing
    /// can be resumed from it.
    epoch: u64,
    offset: u64,
    /// A part of the message's random id: the same offset with another message is another history.
    tag: u32,
}

impl Position {
    pub(crate) const fn new(stream: u64, epoch: u64, offset: u64, tag: u32) -> Self {
        Self {
            stream,
            epoch,
            offset,
            tag,
        }
    }

    /// Returns what stands for a place that is not known: nothing is resumed from it.
    pub(crate) const fn void(stream: u64) -> Self {
        Self::new(stream, 0, 0, 0)
    }

    pub(crate) const fn stream(&self) -> u64 {
        self.stream
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(crate) const fn tag(&self) -> u32 {
        self.tag
    }

    /// Returns the position as text.
    fn text(&self) -> Text {
        let Self {
            stream,
            epoch,
            offset,
            tag,
        } = self;
        let mut text = Text::default();
        write!(text, "{stream:x}.{epoch:x}.{offset:x}.{tag:x}").expect("there is room for it");
        text
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut next = || digits(parts.next()?);
        let read = (|| {
            let (stream, epoch, offset) = (next()?, next()?, next()?);
            let tag = u32::try_from(next()?).ok()?;
            Some(Self::new(stream, epoch, offset, tag))
        })();
        match read {
            Some(position) if parts.next().is_none() => Ok(position),
            _ => Err(ParsePositionError(())),
        }
    }
}

/// Reads a number in its only spelling.
fn digits(text: &str) -> Option<u64> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let has_padding = text.len() > 1 && text.starts_with('0');
    if has_padding || !text.bytes().all(is_digit) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(AnyPosition)
    }
}

struct AnyPosition;

impl Visitor<'_> for AnyPosition {
    type Value = Position;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Position, E> {
        text.parse().map_err(E::custom)
    }
}

/// The text is not a [`Position`].
///
/// # Examples
///
/// ```
/// use web_connection_socket::Position;
///
/// let error = "7".parse::<Position>().unwrap_err();
/// assert_eq!(error.to_string(), "a position is what a message carries as `__position`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsePositionError(());

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position is what a message carries as `__position`")
    }
}

impl Error for ParsePositionError {}

/// A position's text, without an allocation.
struct Text {
    bytes: [u8; MAX_LENGTH],
    length: usize,
}

impl Text {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("it is ASCII")
    }
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_LENGTH],
            length: 0,
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let end = self.length + part.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(part.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Three numbers of 64 bits, one of 32, and the dots between them.
const MAX_LENGTH: usize = 3 * 16 + 8 + 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn it_is_short_and_safe_in_a_url() {
        assert_eq!(Position::new(0, 0, 0, 0).to_string(), "0.0.0.0");
        let longest = Position::new(u64::MAX, u64::MAX, u64::MAX, u32::MAX).to_string();
        assert_eq!(longest.len(), MAX_LENGTH);
        const { assert!(MAX_LENGTH <= 60) };
        assert!(
            longest
                .bytes()
                .all(|byte| byte == b'.' || byte.is_ascii_alphanumeric())
        );
    }

    #[test]
    fn only_its_one_spelling_is_read() {
        for text in [
            "",
            "7",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.",
            ".1.2.3",
            "01.2.3.4",
            "1.2.3.00",
            "A.2.3.4",
            "+1.2.3.4",
            " 1.2.3.4",
            "1.2.3.4 ",
            "1.2.3.100000000",
            "10000000000000000.2.3.4",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            stream in any::<u64>(),
            epoch in any::<u64>(),
            offset in any::<u64>(),
            tag in any::<u32>(),
        ) {
            let written = Position::new(stream, epoch, offset, tag);
            assert_eq!(written.to_string().parse(), Ok(written));
            let json = serde_json::to_string(&written).unwrap();
            assert_eq!(json, format!("\"{written}\""));
            assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), written);
        }
    }
}
