//! Reads the object of a message, key by key.

use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use crate::protocol::expected::{
    Expected, Outcome, Place, Text, read_once, refuse_list, refuse_object, refuse_value,
};
use crate::protocol::extra::Extra;
use crate::protocol::json_limits::check_limits;
use crate::protocol::keys::{AnyKey, Key, Known, has_twins};
use crate::protocol::read_name::read_name_once;
use crate::protocol::read_recipients::RecipientList;
use crate::protocol::{GroupId, MessageError, MessageErrorKind, Recipient, SocketMessage, UserId};

/// One message, or a list of them.
pub(super) struct MessageOrList {
    pub(super) max_recipients: usize,
}

impl<'de> Expected<'de> for MessageOrList {
    type Value = Vec<SocketMessage>;

    fn wrong_type(&self) -> MessageError {
        MessageErrorKind::NotAnObject.into()
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outcome<Self::Value>, A::Error> {
        let mut messages = Vec::new();
        loop {
            let mut parts = Parts::default();
            let object = self.message(&mut parts);
            let Some(read) = list.next_element_seed(Place(object))? else {
                return Ok(Ok(messages));
            };
            match read.and_then(|()| parts.into_message()) {
                Ok(message) => messages.push(message),
                Err(why) => return refuse_list(list, why),
            }
        }
    }

    fn object<A: MapAccess<'de>>(self, object: A) -> Result<Outcome<Self::Value>, A::Error> {
        let mut parts = Parts::default();
        let read = self.message(&mut parts).object(object)?;
        Ok(read.and_then(|()| Ok(vec![parts.into_message()?])))
    }
}

impl MessageOrList {
    fn message<'p>(&self, parts: &'p mut Parts) -> MessageObject<'p> {
        MessageObject {
            parts,
            max_recipients: self.max_recipients,
        }
    }
}

/// The object of a message, read into `parts` in place: serde moves what it returns through each layer.
pub(super) struct MessageObject<'p> {
    pub(super) parts: &'p mut Parts,
    pub(super) max_recipients: usize,
}

impl<'de> Expected<'de> for MessageObject<'_> {
    type Value = ();

    fn wrong_type(&self) -> MessageError {
        MessageErrorKind::NotAnObject.into()
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Outcome<()>, A::Error> {
        while let Some(key) = object.next_key_seed(AnyKey)? {
            let read = self
                .parts
                .read_value(key, &mut object, self.max_recipients)?;
            if let Err(why) = read {
                return refuse_object(object, why);
            }
        }
        Ok(Ok(()))
    }
}

/// The values of a message whose keys are being read.
#[derive(Default)]
pub(super) struct Parts {
    action: Option<String>,
    message: Option<String>,
    group_id: Option<GroupId>,
    user_id: Option<UserId>,
    recipients: Option<Vec<Recipient>>,
    extra: Vec<Extra>,
}

impl Parts {
    /// Reads the value of `key`.
    fn read_value<'de, A: MapAccess<'de>>(
        &mut self,
        key: Key,
        object: &mut A,
        max_recipients: usize,
    ) -> Result<Outcome<()>, A::Error> {
        match key {
            Key::Known(Known::Action) => read_once(&mut self.action, Text("action"), object),
            Key::Known(Known::Message) => read_once(&mut self.message, Text("message"), object),
            Key::Known(Known::GroupId) => read_name_once(&mut self.group_id, "groupId", object),
            Key::Known(Known::UserId) => read_name_once(&mut self.user_id, "userId", object),
            Key::Known(Known::Recipients) => {
                let list = RecipientList {
                    max: max_recipients,
                };
                read_once(&mut self.recipients, list, object)
            }
            // A page may send back a message as it came, whether or not its stream has a history.
            Key::Known(Known::Position) => {
                object.next_value::<IgnoredAny>()?;
                Ok(Ok(()))
            }
            Key::Known(Known::Reserved) => refuse_value(object, MessageErrorKind::ReservedKey),
            Key::Other(key) => {
                let value: &RawValue = object.next_value()?;
                let checked = check_limits(value.get());
                self.extra.push(Extra {
                    key,
                    value: value.to_owned(),
                });
                Ok(checked.map_err(MessageError::from))
            }
        }
    }

    pub(super) fn into_message(self) -> Outcome<SocketMessage> {
        let extra = self.extra;
        if extra.len() > 1 && has_twins(extra.iter().map(|extra| extra.key.as_str()).collect()) {
            return Err(MessageErrorKind::DuplicateKey.into());
        }
        Ok(SocketMessage {
            action: self.action.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
            group_id: self.group_id.unwrap_or_default(),
            user_id: self.user_id.unwrap_or_default(),
            recipients: self.recipients.unwrap_or_default(),
            extra,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_keys_are_read_and_one_twin_among_them_found() {
        let keys: Vec<String> = (0..10_000).map(|at| format!("\"Key{at}\":{at}")).collect();
        let json = format!("{{{}}}", keys.join(","));
        let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
        assert_eq!(message.extra.len(), 10_000);
        assert_eq!(message.extra("key9999"), Some("9999"));
        let twin = format!("{{{},\"kEy77\":0}}", keys.join(","));
        let error = SocketMessage::from_slice(twin.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::DuplicateKey);
    }

    #[test]
    fn the_position_of_a_message_that_is_sent_back_is_dropped() {
        let expected = SocketMessage::new("a");
        for json in [
            r#"{"action":"a","__position":"1.2.3.4"}"#,
            r#"{"__POSITION":{"x":[1e400,"\ud83d"]},"action":"a","__position":null}"#,
            r#"{"action":"a","message":"","groupId":"","userId":"","recipients":[],"__position":"1.2.3.4"}"#,
        ] {
            let message = SocketMessage::from_slice(json.as_bytes()).unwrap();
            assert_eq!(message, expected, "{json}");
            assert_eq!(message.extra("__position"), None);
            let list = SocketMessage::read_all(format!("[{json}]").as_bytes(), 1).unwrap();
            assert_eq!(list, [message]);
        }
    }

    #[test]
    fn a_list_is_read_under_the_rules_of_each_message() {
        let all = r#"{"type":"all"}"#;
        let list = format!(r#" [{{"recipients":[{all}]}},{{"recipients":[{all},{all}]}}]"#);
        assert_eq!(
            SocketMessage::read_all(list.as_bytes(), 2).unwrap().len(),
            2
        );
        let error = SocketMessage::read_all(list.as_bytes(), 1).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::TooManyRecipients);
        assert!(SocketMessage::read_all(b"[{}]x", 1).is_err());
        assert!(SocketMessage::read_all(b"[7]", 1).is_err());
        assert_eq!(SocketMessage::read_all(b"[]", 1).unwrap(), []);
    }
}
