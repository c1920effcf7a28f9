//! The one structure that travels in both directions.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::protocol::extra::Extra;
use crate::protocol::json_limits::check_limits;
use crate::protocol::keys::Known;
use crate::protocol::{GroupId, MessageError, MessageErrorKind, Recipient, UserId};

/// A message between browser, server and application.
///
/// The same structure travels in both directions. In JSON its five keys are always written, in the
/// order of the fields here and in camelCase. When read, each may be missing or `null`, in any
/// ASCII case; a number as `userId`, `groupId` or a recipient's `value` is read as the text that it
/// is written with; additional top-level keys are kept, with their values byte for byte. A key
/// `error` is refused: only the server reports errors. A key `__position`, the server's own too, is
/// ignored, so that what was received can be sent on.
///
/// `user_id` and `group_id` describe the sender; `recipients` select the sockets that receive the
/// message, and an empty list selects all of them.
///
/// Its serde implementations are meant for `serde_json` and apply the default limit of 1 024
/// recipients; [`from_slice`](Self::from_slice) gives the better errors.
///
/// # Examples
///
/// ```
/// use web_connection_socket::SocketMessage;
///
/// let message = SocketMessage::new("order.shipped")
///     .text("on its way")
///     .to_group("7")
///     .except_user("bob");
/// assert_eq!(
///     String::from_utf8(message.encode()).unwrap(),
///     concat!(
///         r#"{"action":"order.shipped","message":"on its way","groupId":"","userId":"","#,
///         r#""recipients":[{"type":"group","value":"7"},{"type":"allButUser","value":"bob"}]}"#,
///     ),
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SocketMessage {
    /// The subject, by which both ends choose a handler.
    pub action: String,
    /// The content: text, or JSON in a string.
    pub message: String,
    /// The group in whose name it was sent; it selects no recipients.
    pub group_id: GroupId,
    /// The user in whose name it was sent; it selects no recipients.
    pub user_id: UserId,
    /// The sockets that receive it; an empty list selects all.
    pub recipients: Vec<Recipient>,
    pub(super) extra: Vec<Extra>,
}

impl SocketMessage {
    /// Creates a message without content, for all sockets.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("refresh");
    /// assert_eq!(message.action, "refresh");
    /// assert!(message.recipients.is_empty());
    /// ```
    #[must_use]
    pub fn new(action: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            ..Self::default()
        }
    }

    /// Sets the content to text.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("chat").text("hello");
    /// assert_eq!(message.message, "hello");
    /// ```
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.message = text.into();
        self
    }

    /// Sets the content to `value`, as JSON in a string.
    ///
    /// # Errors
    ///
    /// If `value` does not serialize to JSON.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("prices").json(&[1, 2])?;
    /// assert_eq!(message.message, "[1,2]");
    /// # Ok::<(), web_connection_socket::MessageError>(())
    /// ```
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self, MessageError> {
        let json = serde_json::to_string(value).map_err(MessageError::conversion);
        self.message = json.map_err(MessageError::in_making)?;
        Ok(self)
    }

    /// Sets the user in whose name it is sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("chat").from_user("ann");
    /// assert_eq!(message.user_id, "ann");
    /// ```
    #[must_use]
    pub fn from_user(mut self, user: impl Into<UserId>) -> Self {
        self.user_id = user.into();
        self
    }

    /// Sets the group in whose name it is sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("chat").from_group("sales");
    /// assert_eq!(message.group_id, "sales");
    /// ```
    #[must_use]
    pub fn from_group(mut self, group: impl Into<GroupId>) -> Self {
        self.group_id = group.into();
        self
    }

    /// Adds an additional top-level key, or replaces its value.
    ///
    /// # Errors
    ///
    /// If the key, in any ASCII case, is `error`, `__position` or one of the five keys of every message,
    /// or if `value` does not serialize to JSON that nests at most 64 levels.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::new("ping").with_extra("trace", "a1")?;
    /// assert_eq!(message.extra("trace"), Some("\"a1\""));
    /// # Ok::<(), web_connection_socket::MessageError>(())
    /// ```
    pub fn with_extra<T>(mut self, key: &str, value: &T) -> Result<Self, MessageError>
    where
        T: Serialize + ?Sized,
    {
        let value = extra_value(key, value).map_err(MessageError::in_making)?;
        match self.extra.iter_mut().find(|extra| extra.is(key)) {
            Some(extra) => extra.value = value,
            None => self.extra.push(Extra {
                key: key.to_owned(),
                value,
            }),
        }
        Ok(self)
    }

    /// Returns the value of an additional top-level key as raw JSON, whatever the ASCII case of the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::SocketMessage;
    ///
    /// let message = SocketMessage::from_slice(br#"{"trace": {"id": 7}}"#)?;
    /// assert_eq!(message.extra("TRACE"), Some("{\"id\": 7}"));
    /// assert_eq!(message.extra("span"), None);
    /// # Ok::<(), web_connection_socket::MessageError>(())
    /// ```
    #[must_use]
    pub fn extra(&self, key: &str) -> Option<&str> {
        let extra = self.extra.iter().find(|extra| extra.is(key))?;
        Some(extra.value.get())
    }
}

/// Returns the JSON of an additional key's value, if a message may hold both.
fn extra_value<T>(key: &str, value: &T) -> Result<Box<RawValue>, MessageError>
where
    T: Serialize + ?Sized,
{
    if Known::from_json(key).is_some() {
        return Err(MessageErrorKind::ReservedKey.into());
    }
    let value = serde_json::value::to_raw_value(value).map_err(MessageError::conversion)?;
    check_limits(value.get())?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn json_goes_into_the_text_and_out_again() {
        let message = SocketMessage::new("a").json(&("x", 1)).unwrap();
        assert_eq!(message.message, r#"["x",1]"#);
        assert_eq!(
            message.parse_json::<(String, u8)>().unwrap(),
            ("x".to_owned(), 1)
        );
    }

    #[test]
    fn a_byte_order_mark_in_the_content_is_kept_and_ignored_as_json() {
        let message = SocketMessage::new("a").text("\u{feff}[1]");
        assert_eq!(message.parse_json::<Vec<u8>>().unwrap(), [1]);
        assert_eq!(message.message, "\u{feff}[1]");
    }

    #[test]
    fn content_of_another_shape_is_an_error_whose_source_says_where() {
        let error = SocketMessage::new("a")
            .text("{")
            .parse_json::<u8>()
            .unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::Conversion);
        assert!(error.source().unwrap().to_string().contains("line 1"));
    }

    #[test]
    fn an_additional_key_is_replaced_and_found_in_any_case() {
        let message = SocketMessage::new("a")
            .with_extra("Trace", &1)
            .and_then(|message| message.with_extra("x", "y"))
            .and_then(|message| message.with_extra("TRACE", &2))
            .unwrap();
        assert_eq!(message.extra("trace"), Some("2"));
        assert_eq!(message.extra.len(), 2);
        assert_eq!(
            SocketMessage::from_slice(&message.encode()).unwrap(),
            message
        );
    }

    #[test]
    fn an_additional_key_cannot_be_one_of_the_messages_own() {
        for key in [
            "error",
            "Error",
            "__position",
            "ACTION",
            "groupid",
            "recipients",
        ] {
            let error = SocketMessage::new("a").with_extra(key, &1).unwrap_err();
            assert_eq!(error.kind(), MessageErrorKind::ReservedKey, "{key}");
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_added() {
        let raw: Box<RawValue> = serde_json::from_str(r#""\ud83d""#).unwrap();
        let error = SocketMessage::new("a").with_extra("x", &raw).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::LoneSurrogate);
    }
}
