//! The frames that watchers of a group get.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::info::Info;
use crate::{
    frame::Frame,
    protocol::{GroupId, PRESENCE_ACTION, UserId},
};

/// What one frame tells of a group.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    /// Whether those listed are all members: the client drops its former list.
    pub(super) is_reset: bool,
    /// `None` if the group is too large to list its members.
    pub(super) listed: Option<Listed<'a>>,
    pub(super) count: usize,
}

#[derive(Debug)]
pub(super) struct Listed<'a> {
    pub(super) joined: Vec<(&'a UserId, Option<&'a Arc<Info>>)>,
    pub(super) left: Vec<UserId>,
}

impl Notice<'_> {
    /// Writes the frame.
    pub(super) fn frame(&self, group: &GroupId) -> Frame {
        let listed = self.listed.as_ref();
        let json = Json {
            action: PRESENCE_ACTION,
            group_id: group,
            reset: self.is_reset,
            joined: listed.map(|listed| {
                let joined = listed.joined.iter();
                let joined = joined.map(|(user_id, info)| Joined {
                    user_id,
                    info: info.map(|info| &*info.json),
                });
                joined.collect()
            }),
            left: listed.map(|listed| {
                let left = listed.left.iter();
                left.map(|user_id| Left { user_id }).collect()
            }),
            count: self.count,
        };
        Frame::text(&serde_json::to_vec(&json).expect("names and numbers are JSON"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    action: &'a str,
    group_id: &'a GroupId,
    #[serde(skip_serializing_if = "is_false")]
    reset: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    joined: Option<Vec<Joined<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Vec<Left<'a>>>,
    count: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Joined<'a> {
    user_id: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Left<'a> {
    user_id: &'a UserId,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
