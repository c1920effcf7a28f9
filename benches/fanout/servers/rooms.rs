//! Users and groups, for servers that know lists of sockets by name.

use serde::{Deserialize, Serialize};

/// Who a socket is, as its query says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    group_id: String,
    user_id: String,
}

impl Member {
    pub(super) fn rooms(&self) -> [String; 2] {
        [room("group", &self.group_id), room("user", &self.user_id)]
    }
}

/// What a message says of where it goes.
#[derive(Deserialize, Serialize)]
pub(super) struct Recipient {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

impl Recipient {
    pub(super) fn room(&self) -> String {
        room(&self.kind, &self.value)
    }
}

fn room(kind: &str, name: &str) -> String {
    format!("{kind}:{name}")
}
