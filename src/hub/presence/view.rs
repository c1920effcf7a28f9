//! The members of a group at one moment, as an application sees them.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::info::Info;
use crate::protocol::{GroupId, MessageError, UserId};

/// The members of a group at one moment, from [`Hub::presence`](crate::Hub::presence).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Presence {
    /// The users that are members, in the order of their names.
    pub members: Vec<PresenceMember>,
    /// How many users are members.
    pub users: usize,
    /// How many sockets are members, those without a user among them.
    pub sockets: usize,
    /// The users and the sockets without a user: each of these counts as a visitor of its own.
    pub count: usize,
    /// Whether no member can be missing. In a cluster it is `false` while this node has no link, or still
    /// waits for another node's members. Also `false` if no rule of
    /// [`Config::presence`](crate::Config::presence) names the group.
    pub is_complete: bool,
}

/// A user that is a member of a group.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PresenceMember {
    /// The user.
    pub user: UserId,
    /// Its sockets in the group, on all nodes: 0 if it has none, but
    /// [`PresenceRule::leave_after`](crate::config::PresenceRule::leave_after) has not passed yet.
    pub sockets: usize,
    info: Option<Arc<Info>>,
}

impl PresenceMember {
    pub(super) fn new(user: UserId, sockets: usize, info: Option<Arc<Info>>) -> Self {
        Self {
            user,
            sockets,
            info,
        }
    }

    /// Returns the value that [`Socket::set_presence`](crate::Socket::set_presence) set last for the user, as
    /// JSON.
    #[must_use]
    pub fn info(&self) -> Option<&str> {
        self.info.as_ref().map(|info| info.json.get())
    }

    /// Parses [`info`](Self::info); `Ok(None)` if no value was set.
    ///
    /// # Errors
    ///
    /// If the value is not JSON of a `T`; the source of the error says where.
    ///
    /// # Examples
    ///
    /// ```
    /// use serde::Deserialize;
    /// use web_connection_socket::{Hub, MessageError};
    ///
    /// #[derive(Deserialize)]
    /// struct Profile {
    ///     picture: String,
    /// }
    ///
    /// fn pictures(hub: &Hub) -> Result<Vec<String>, MessageError> {
    ///     let members = hub.presence("lobby").members;
    ///     let profiles = members.iter().map(|member| member.parse_info::<Profile>());
    ///     profiles.filter_map(|profile| Some(profile.transpose()?.map(|it| it.picture))).collect()
    /// }
    /// ```
    pub fn parse_info<'a, T: Deserialize<'a>>(&'a self) -> Result<Option<T>, MessageError> {
        let parse = |json| serde_json::from_str(json).map_err(MessageError::presence);
        self.info().map(parse).transpose()
    }
}

impl PartialEq for PresenceMember {
    fn eq(&self, other: &Self) -> bool {
        (&self.user, self.sockets, self.info()) == (&other.user, other.sockets, other.info())
    }
}

impl Presence {
    /// Returns the group as JSON, with its members if they are at most `list_up_to`.
    pub(crate) fn to_json(&self, group: &GroupId, list_up_to: usize) -> Vec<u8> {
        let json = Json {
            group_id: group,
            members: (self.users <= list_up_to).then_some(&self.members),
            users: self.users,
            sockets: self.sockets,
            count: self.count,
            complete: self.is_complete,
        };
        serde_json::to_vec(&json).expect("names and numbers are JSON")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    group_id: &'a GroupId,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<&'a Vec<PresenceMember>>,
    users: usize,
    sockets: usize,
    count: usize,
    complete: bool,
}

impl Serialize for PresenceMember {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Member<'a> {
            user_id: &'a UserId,
            sockets: usize,
            #[serde(skip_serializing_if = "Option::is_none")]
            info: Option<&'a RawValue>,
        }
        let member = Member {
            user_id: &self.user,
            sockets: self.sockets,
            info: self.info.as_ref().map(|info| &*info.json),
        };
        member.serialize(serializer)
    }
}
